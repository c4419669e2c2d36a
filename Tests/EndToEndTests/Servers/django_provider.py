"""An OAuth 2 and OpenID server on loopback: Django and django-oauth-toolkit, unmodified, in one file.

    python django_provider.py --port 0 --state DIR [--access-seconds N] [--device-seconds N] [--device-interval N]

Prints one line, `ready http://127.0.0.1:PORT`, and serves until SIGTERM or until its parent dies.
Everything it keeps (database, signing key, log) is in DIR; a second start on DIR finds the same tokens.
For tests only: the password is public, and it listens on 127.0.0.1 without TLS.
"""

import argparse
import logging
import os
import secrets
import signal
import sys
import threading
from pathlib import Path

# browser.py knows these two.
USERNAME = "alice"
PASSWORD = "correct horse battery staple"
CLIENT_ID = "ai-usage-agent-test"
DEVICE_CLIENT_ID = "ai-usage-agent-device"  # a client has one kind of grant only
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
REDIRECT_URIS = ("http://127.0.0.1/callback", "http://[::1]/callback", "http://localhost/callback")


def positive(text):
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--port", type=int, default=0, help="0, the default, takes any free port")
parser.add_argument("--state", type=Path, required=True, metavar="DIR", help="where it keeps its files")
parser.add_argument("--access-seconds", type=positive, default=3600, metavar="N", help="life of an access token")
parser.add_argument("--device-seconds", type=positive, default=1800, metavar="N", help="what expires_in of a device code says")
parser.add_argument("--device-interval", type=positive, default=1, metavar="N", help="seconds between two polls")
arguments = parser.parse_args()
parent = os.getppid()

os.umask(0o077)
STATE = arguments.state.resolve()
STATE.mkdir(parents=True, exist_ok=True)


def signing_key():
    """The RS256 key of the ID tokens, made on the first start."""
    path = STATE / "oidc.pem"
    if not path.exists():
        from jwcrypto.jwk import JWK

        path.write_bytes(JWK.generate(kty="RSA", size=2048).export_to_pem(private_key=True, password=None))
    return path.read_text()


import django  # noqa: E402
from django.conf import settings  # noqa: E402

settings.configure(
    SECRET_KEY=secrets.token_urlsafe(48),
    ALLOWED_HOSTS=["127.0.0.1"],  # one name only, so that there is one issuer only
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "oauth2_provider",
    ],
    MIDDLEWARE=[
        f"{__name__}.count_requests",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": STATE / "provider.sqlite3",
            # One request at a time from its first query on: of two refreshes with one token, the second is
            # always a reuse. (Without this both may pass the check before either has rotated the token.)
            "ATOMIC_REQUESTS": True,
            "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 30},
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    STATIC_URL="/static/",  # the toolkit's templates name a style sheet; nothing serves it
    LOGIN_URL="/accounts/login/",
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "loaders": [
                    (
                        "django.template.loaders.locmem.Loader",
                        {
                            "registration/login.html": (
                                "<!DOCTYPE html><title>Log in</title>"
                                '<form method="post">{% csrf_token %}{{ form.as_p }}'
                                '<input type="hidden" name="next" value="{{ next }}">'
                                "<button>Log in</button></form>"
                            )
                        },
                    ),
                    "django.template.loaders.app_directories.Loader",
                ]
            },
        }
    ],
    LOGGING={
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
        "handlers": {
            "file": {"class": "logging.FileHandler", "filename": STATE / "provider.log", "formatter": "line"}
        },
        "root": {"handlers": ["file"], "level": "INFO"},
        # Without these two lines Django gives both loggers handlers that write to stderr.
        "loggers": {
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            "django.server": {"handlers": [], "level": "INFO", "propagate": True},
        },
    },
    OAUTH2_PROVIDER={
        "OIDC_ENABLED": True,
        "OIDC_RSA_PRIVATE_KEY": signing_key(),
        "OIDC_RESPONSE_TYPES_SUPPORTED": ["code"],
        # The toolkit's default names only the two kinds with a secret, although it does serve public clients.
        "OIDC_TOKEN_ENDPOINT_AUTH_METHODS_SUPPORTED": ["none", "client_secret_post", "client_secret_basic"],
        "OAUTH2_TOKEN_ENDPOINT_AUTH_METHODS_SUPPORTED": ["none", "client_secret_post", "client_secret_basic"],
        "OAUTH2_RESPONSE_TYPES_SUPPORTED": ["code"],
        "OAUTH2_GRANT_TYPES_SUPPORTED": ["authorization_code", "refresh_token", DEVICE_GRANT],
        "DEVICE_FLOW_INTERVAL": arguments.device_interval,
        "OAUTH2_VALIDATOR_CLASS": f"{__name__}.Validator",
        "SCOPES": {
            "openid": "Know who you are",
            "profile": "Your name",
            "email": "Your e-mail address",
            # A name only: the toolkit issues a refresh token with every authorization code anyway.
            "offline_access": "Stay signed in",
        },
        "DEFAULT_SCOPES": ["openid"],
        "PKCE_REQUIRED": True,
        "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,  # S256 only
        "ALLOW_LOCALHOST_LOOPBACK": True,  # any port for `localhost` too; for 127.0.0.1 and ::1 always
        "ALLOWED_REDIRECT_URI_SCHEMES": ["http"],
        "ACCESS_TOKEN_EXPIRE_SECONDS": arguments.access_seconds,
        "ROTATE_REFRESH_TOKEN": True,
        "REFRESH_TOKEN_REUSE_PROTECTION": True,
        "REFRESH_TOKEN_GRACE_PERIOD_SECONDS": 0,
    },
)
django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.contrib.auth.views import LoginView  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler  # noqa: E402
from django.db import transaction  # noqa: E402
from django.http import JsonResponse  # noqa: E402
from django.urls import include, path  # noqa: E402
from oauthlib.oauth2 import DeviceAuthorizationEndpoint  # noqa: E402
from oauth2_provider.models import get_application_model  # noqa: E402
from oauth2_provider.oauth2_validators import OAuth2Validator  # noqa: E402
from oauth2_provider.settings import oauth2_settings  # noqa: E402
from oauth2_provider.urls import metadata_urlpatterns  # noqa: E402


class Validator(OAuth2Validator):
    def get_additional_claims(self):
        return {
            "email": lambda request: request.user.email,
            "name": lambda request: request.user.get_full_name(),
        }


# What the clients asked for since this process started:
counts = {
    "token_requests": 0,  # POST /o/token/, whatever the answer
    "refresh_grants": 0,  # of these, those with grant_type=refresh_token, whatever the answer
    "device_polls": 0,  # of these, those with the grant type of RFC 8628, whatever the answer
    "revocations": 0,  # POST /o/revoke_token/ that was answered 200
    "refused": 0,  # POST to either that was answered 400 or more ("not yet" to a device, too)
}
counts_lock = threading.Lock()


def count_requests(get_response):
    def middleware(request):
        response = get_response(request)
        if request.method == "POST" and request.path in ("/o/token/", "/o/revoke_token/"):
            with counts_lock:
                if request.path == "/o/token/":
                    counts["token_requests"] += 1
                    counts["refresh_grants"] += request.POST.get("grant_type") == "refresh_token"
                    counts["device_polls"] += request.POST.get("grant_type") == DEVICE_GRANT
                else:
                    counts["revocations"] += response.status_code == 200
                counts["refused"] += response.status_code >= 400
        return response

    return middleware


@transaction.non_atomic_requests
def stats(request):
    with counts_lock:
        return JsonResponse(counts)


urlpatterns = [
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
    path("", include(metadata_urlpatterns)),  # RFC 8414 puts its path before the issuer's
    path("accounts/login/", LoginView.as_view()),
    path("test/stats", stats),
]


def fill_database():
    call_command("migrate", verbosity=0, interactive=False)
    users = get_user_model().objects
    if not users.filter(username=USERNAME).exists():
        users.create_user(USERNAME, "alice@example.org", PASSWORD, first_name="Alice", last_name="Example")
    applications = get_application_model()
    applications.objects.get_or_create(
        client_id=CLIENT_ID,
        defaults={
            "name": "ai-usage-agent",
            "client_type": applications.CLIENT_PUBLIC,
            "client_secret": "",
            "authorization_grant_type": applications.GRANT_AUTHORIZATION_CODE,
            "algorithm": applications.RS256_ALGORITHM,
            "redirect_uris": " ".join(REDIRECT_URIS),
            "skip_authorization": False,
        },
    )
    applications.objects.get_or_create(
        client_id=DEVICE_CLIENT_ID,
        defaults={
            "name": "ai-usage-agent on a device",
            "client_type": applications.CLIENT_PUBLIC,
            "client_secret": "",
            "authorization_grant_type": applications.GRANT_DEVICE_CODE,
            "algorithm": applications.RS256_ALGORITHM,
        },
    )


def main():
    logging.captureWarnings(True)
    fill_database()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):  # until here either just kills it
        signal.signal(number, lambda *_: stop.set())
    server = ThreadedWSGIServer(("127.0.0.1", arguments.port), WSGIRequestHandler)
    server.set_app(WSGIHandler())
    page = f"http://127.0.0.1:{server.server_port}/o/device"
    oauth2_settings.OAUTH_DEVICE_VERIFICATION_URI = page
    oauth2_settings.OAUTH_DEVICE_VERIFICATION_URI_COMPLETE = page + "?user_code={user_code}"
    # The toolkit has no setting for this one. It keeps to its half hour itself and goes on saying "pending".
    DeviceAuthorizationEndpoint.expires_in = property(lambda _: arguments.device_seconds)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    print(f"ready http://127.0.0.1:{server.server_port}", flush=True)

    # Not PR_SET_PDEATHSIG: that fires when the *thread* that started this process ends, and a Swift test
    # starts it from a thread of a pool.
    while os.getppid() == parent and not stop.wait(0.25):
        pass
    server.shutdown()


if __name__ == "__main__":
    sys.exit(main())
