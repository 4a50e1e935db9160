"""A client of the management service's REST interface (mgmt-service/openapi.yaml)."""
import http.client
import json
import urllib.parse


class Refused(Exception):
    def __init__(self, status, problem):
        super().__init__(f"{status}: {problem}")
        self.status = status
        self.problem = problem


class Rest:
    def __init__(self, port, host="127.0.0.1", timeout=60):
        self.host, self.port, self.timeout = host, port, timeout
        self.cookie = self.csrf = None

    def raw(self, method, path, body=None, headers=None, base="/api/v1"):
        """(status, headers, bytes) of one request; never raises for a status."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
        headers = dict(headers or {})
        if self.cookie:
            headers["Cookie"] = self.cookie
        if self.csrf and method not in ("GET", "HEAD"):
            headers["X-CSRF-Token"] = self.csrf
        try:
            connection.request(method, base + path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def call(self, method, path, body=None, headers=None):
        """The JSON of a 2xx answer (None when empty); Refused otherwise."""
        data = None if body is None else json.dumps(body).encode()
        headers = {**({"Content-Type": "application/json"} if data is not None else {}), **(headers or {})}
        status, answer_headers, raw = self.raw(method, path, data, headers)
        if status >= 300:
            raise Refused(status, raw.decode("utf-8", "replace")[:2000])
        if not raw:
            return None
        return json.loads(raw) if "json" in answer_headers.get("Content-Type", "") else raw

    def get(self, path, **query):
        query = {key: value for key, value in query.items() if value is not None}
        return self.call("GET", path + ("?" + urllib.parse.urlencode(query) if query else ""))

    def post(self, path, body=None, headers=None):
        return self.call("POST", path, body if body is not None else {}, headers)

    def put(self, path, body):
        return self.call("PUT", path, body)

    def patch(self, path, body):
        return self.call("PATCH", path, body)

    def all(self, path, **query):
        """Every item of a list, over all its pages."""
        cursor = None
        while True:
            page = self.get(path, limit=500, cursor=cursor, **query)
            yield from page["items"]
            cursor = page.get("next")
            if not cursor:
                return

    def login(self, user, password):
        status, headers, raw = self.raw("POST", "/auth/login", json.dumps({"user": user, "password": password}).encode(),
                                        {"Content-Type": "application/json"})
        if status != 200:
            raise Refused(status, raw.decode("utf-8", "replace"))
        self.cookie = headers["Set-Cookie"].split(";")[0]
        self.csrf = json.loads(raw)["csrf_token"]

    def import_products(self, store, rows, kind="text/csv", dry_run=False, title=""):
        """(verdicts, summary). The answer is read while the file is sent."""
        path = f"/stores/{store}/products:import?" + urllib.parse.urlencode(
            {"dry_run": str(dry_run).lower(), "title": title})
        status, _, raw = self.raw("POST", path, rows, {"Content-Type": kind})
        if status != 200:
            raise Refused(status, raw.decode("utf-8", "replace")[:2000])
        lines = [json.loads(line) for line in raw.splitlines()]
        return lines[:-1], lines[-1]["summary"]
