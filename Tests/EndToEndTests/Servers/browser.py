"""The person at the browser, without a browser: logs in, consents, ends on the client's page. Standard library only.

    python browser.py [--deny] [--print-callback] URL
    python browser.py [--deny] --code CODE URL

Follows URL to django_provider.py, fills in the login form, allows (or denies) what the client asks for, and follows
the redirect to the client's callback and on to its /done page. Prints `done STATUS`, the status of that page, and
exits 0; or says on stderr what went wrong and exits 1. With --print-callback it stops short of the callback and
prints its URL. With --code, URL is the page of a device login (RFC 8628): types CODE in there, allows or denies, and
prints `done` and what the last page says. It speaks to loopback only, wherever a redirect or a form may point.
"""

import argparse
import html.parser
import http.client
import http.cookiejar
import re
import sys
import urllib.error
import urllib.parse
import urllib.request

USERNAME = "alice"
PASSWORD = "correct horse battery staple"
LOOPBACK = ("127.0.0.1", "::1", "localhost")
REDIRECTS = (301, 302, 303, 307, 308)


class Stuck(Exception):
    pass


class Forms(html.parser.HTMLParser):
    """The forms of a page: where each goes, how, its fields as a dict, its named buttons as a dict."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        have = dict(attributes)
        if tag == "form":
            action, method = have.get("action") or "", (have.get("method") or "get").lower()
            self.found.append({"action": action, "method": method, "fields": {}, "buttons": {}})
        elif tag in ("input", "button") and self.found and have.get("name"):
            kind = have.get("type") or ("text" if tag == "input" else "submit")
            where = "buttons" if kind == "submit" else "fields"
            self.found[-1][where].setdefault(have["name"], have.get("value") or "")


class NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Browser:
    def __init__(self):
        self.opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
            NoRedirects,
        )
        self.url = None

    def fetch(self, url, fields=None):
        """One request, no redirect followed. Answers (status, where a redirect points or None, page)."""
        url = urllib.parse.urldefrag(url).url
        require_loopback(url)
        self.url = url
        body = None if fields is None else urllib.parse.urlencode(fields).encode()
        try:
            try:
                response = self.opener.open(urllib.request.Request(url, data=body), timeout=30)
            except urllib.error.HTTPError as error:
                response = error  # an answer like any other
            with response:
                status, headers, page = response.status, response.headers, response.read(1 << 20)
        except (OSError, http.client.HTTPException) as error:
            raise Stuck(f"{place(url)}: {error}") from None
        target = None
        if status in REDIRECTS and headers.get("Location"):
            target = urllib.parse.urljoin(url, headers["Location"])
            require_loopback(target)
        return status, target, page.decode("utf-8", "replace")


def require_loopback(url):
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "http" or parts.hostname not in LOOPBACK or "@" in parts.netloc:
        raise Stuck(f"refuses to go to {parts.scheme}://{parts.netloc}: not loopback")


def origin(url):
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or 80


def place(url):
    """The URL without what may be secret in it."""
    return urllib.parse.urlsplit(url)._replace(query="", fragment="").geturl()


def words(page):
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())[:300]


def callback_url(browser, start, deny):
    """Everything at the provider: ends with the first redirect that leaves it."""
    logged_in = consented = False
    status, target, page = browser.fetch(start)
    for _ in range(20):
        if target and origin(target) != origin(start):
            return target
        if target:
            status, target, page = browser.fetch(target)
            continue
        if status != 200:
            raise Stuck(f"{place(browser.url)} answered {status}: {words(page)}")
        forms = Forms(page).found
        form = next((form for form in forms if "password" in form["fields"] or "allow" in form["buttons"]), None)
        if form is None or form["method"] != "post":
            raise Stuck(f"{place(browser.url)} has no form to log in or to consent with: {words(page)}")
        fields = dict(form["fields"])
        if "password" in fields:
            if logged_in:
                raise Stuck(f"the login failed: {words(page)}")
            logged_in = True
            fields["username"], fields["password"] = USERNAME, PASSWORD
        else:
            if consented:
                raise Stuck(f"asked for consent twice: {words(page)}")
            consented = True
            if not deny:
                fields["allow"] = form["buttons"]["allow"]
        action = urllib.parse.urljoin(browser.url, form["action"])
        if origin(action) != origin(start):
            raise Stuck(f"refuses to send a form to {place(action)}")
        status, target, page = browser.fetch(action, fields)
    raise Stuck("the provider redirects without end")


def approve_device(browser, start, code, deny):
    """Everything at the provider: ends with the words of the page that says what became of the device."""
    logged_in = typed = False
    status, target, page = browser.fetch(start)
    for _ in range(20):
        if target:
            if origin(target) != origin(start):
                raise Stuck(f"the provider leaves for {place(target)}")
            status, target, page = browser.fetch(target)
            continue
        if status != 200:
            raise Stuck(f"{place(browser.url)} answered {status}: {words(page)}")
        form = next((form for form in Forms(page).found if form["method"] == "post"), None)
        if form is None:
            return words(page)
        fields = dict(form["fields"])
        if "password" in fields:
            if logged_in:
                raise Stuck(f"the login failed: {words(page)}")
            logged_in = True
            fields["username"], fields["password"] = USERNAME, PASSWORD
        elif "user_code" in fields:
            if typed:
                raise Stuck(f"the code was refused: {words(page)}")
            typed = True
            fields["user_code"] = code
        elif "action" in form["buttons"]:
            fields["action"] = "deny" if deny else "accept"
        else:
            raise Stuck(f"{place(browser.url)} has a form that nobody knows: {words(page)}")
        action = urllib.parse.urljoin(browser.url, form["action"])
        if origin(action) != origin(start):
            raise Stuck(f"refuses to send a form to {place(action)}")
        status, target, page = browser.fetch(action, fields)
    raise Stuck("the provider redirects without end")


def visit_client(browser, callback):
    status, target, page = browser.fetch(callback)
    if status != 303:
        raise Stuck(f"the callback answered {status}, not 303: {words(page)}")
    if not target or origin(target) != origin(callback) or urllib.parse.urlsplit(target).path != "/done":
        raise Stuck(f"the callback redirects to {place(target or '')}, not to its /done page")
    status, target, _ = browser.fetch(target)
    if target:
        raise Stuck(f"the /done page redirects to {place(target)}")
    return status


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", metavar="URL")
    parser.add_argument("--deny", action="store_true", help="cancel on the consent form")
    parser.add_argument("--print-callback", action="store_true", help="print the callback's URL, do not fetch it")
    parser.add_argument("--code", metavar="CODE", help="approve this code of a device login")
    arguments = parser.parse_args()
    browser = Browser()
    try:
        if arguments.code:
            print(f"done {approve_device(browser, arguments.url, arguments.code, arguments.deny)}", flush=True)
            return 0
        callback = callback_url(browser, arguments.url, arguments.deny)
        if arguments.print_callback:
            print(callback, flush=True)
        else:
            print(f"done {visit_client(browser, callback)}", flush=True)
    except (Stuck, ValueError) as stuck:  # ValueError: a URL that is none
        print(f"browser: {stuck}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
