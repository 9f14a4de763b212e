"""Doors: certificates that protect nothing, pages of other sites, tokens that see too much."""

import hashlib
import http.client
import ssl
import subprocess
import time

from cases import case
from client import API, JSON, Tail, now, pushed
from server import Failed, Server, require


def certificate(folder, name, signer=()):
    """A key and a certificate, signed by another's or by itself."""
    key, cert = folder / f"{name}.key", folder / f"{name}.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(key), "-out", str(cert), "-days", "9", "-subj", f"/CN={name}"]
    if signer:
        command += ["-CA", str(signer[1]), "-CAkey", str(signer[0]), "-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run(command, check=True, capture_output=True)
    return key, cert


def by_tls(url, cert=None, key=None):
    """The status of a request by TLS; 0 when the handshake is refused."""
    context = ssl._create_unverified_context()
    if cert:
        context.load_cert_chain(cert, key)
    try:
        connection = http.client.HTTPSConnection(url, context=context, timeout=10)
        connection.request("GET", API + "labels")
        return connection.getresponse().status
    except OSError:
        return 0


def refuses_to_start(server):
    server.launch()
    try:
        require(server.process.wait(10) > 0, "it ended as if all were well")
    except subprocess.TimeoutExpired:
        raise Failed(f"it starts with {server.settings}") from None


@case()
def authorities_of_clients_that_are_empty(binary):
    """Emptied, cut, of blanks, of another kind, gone: at the start, and while it runs."""
    with Server(binary) as server:
        key, cert = certificate(server.work, "localhost")
        signer = certificate(server.work, "authority")
        client_key, client = certificate(server.work, "client", signer)
        authority = server.work / "ca.pem"
        tls = "--server.http_tls_config."
        both = [f"{tls}cert_file", str(cert), f"{tls}key_file", str(key)]
        whole = signer[1].read_bytes()
        broken = (b"", b"\n \n", b"# nothing\n", whole[:100], key.read_bytes())
        for text in broken:
            authority.write_bytes(text)
            for kind in ([], [f"{tls}client_auth_type", "VerifyClientCertIfGiven"]):
                server.settings = [*both, f"{tls}client_ca_file", str(authority), *kind]
                refuses_to_start(server)
        server.settings = [f"{tls}client_ca_file", str(cert)]
        refuses_to_start(server)
        server.settings = [*both, f"{tls}client_auth_type", "RequireAndVerifyClientCert"]
        refuses_to_start(server)
        authority.write_bytes(whole)
        server.settings = [*both, f"{tls}client_ca_file", str(authority), "--runtime_config.period", "100ms"]
        server.start()
        require(by_tls(server.url, client, client_key) == 200, "a client with a certificate is refused")
        for text in (*broken, None):
            authority.unlink() if text is None else authority.write_bytes(text)
            time.sleep(0.5)
            require(by_tls(server.url) == 0, f"a client without a certificate gets in with {text!r}")
            require(by_tls(server.url, client, client_key) == 200, "a client with a certificate is refused")
        server.alive()


@case()
def pages_of_other_sites(binary):
    """What changes anything and WebSockets are not for them, by whatever name they call this server."""
    with Server(binary) as server:
        server.start()
        client = server.client()
        body = pushed([({"app": "x"}, [(now(), "secret")])])
        require(client.post("push", body, JSON).status == 204, "a push")
        foreign = (
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Origin": "http://evil.example", "Host": "evil.example"},
            {"Origin": f"http://{server.url}.evil.example"},
            {"Origin": "https://localhost:1"},
        )
        text = {"Content-Type": "text/plain"}
        delete = "delete?query=%7Bapp%3D%22x%22%7D&start=0"
        changes = (("POST", delete), ("PUT", delete), ("POST", "push"), ("DELETE", "delete?request_id=1"), ("POST", "/flush"))
        changes += (("GET", "/flush"), ("POST", "/otlp/v1/logs"), ("POST", "/api/prom/push"), ("POST", "/log_level?log_level=debug"))
        for headers in foreign:
            for method, path in changes:
                full = path if path.startswith("/") else API + path
                answer = client.send(method, full, body, {**text, **headers})
                require(answer.status in (403, 404, 405), f"{method} {path} from {headers}: {answer}")
            for path in ("query_range?query=%7Bapp%3D%22x%22%7D", "labels"):
                if "Host" in headers:
                    require(client.get(path, headers).status == 403, f"{path} from {headers}")
            try:
                Tail(server.url, '{app="x"}', 5, [f"{name}: {value}" for name, value in headers.items() if name != "Host"])
                raise Failed(f"a tail from {headers}")
            except OSError as refused:
                require("403" in str(refused), f"a tail from {headers}: {refused}")
        require(client.number('count_over_time({app="x"}[1h])') == 1, "the line is gone")
        own = {"Origin": f"http://{server.url}", "Sec-Fetch-Site": "same-origin"}
        require(client.post("push", body, {**JSON, **own}).status == 204, "a push from a page of its own")


TOKENS = {
    "reader-a": (["a"], ["read"]),
    "writer-a": (["a"], ["write"]),
    "admin-a": (["a"], ["admin"]),
    "reader-fake": (["fake"], ["read"]),
    "root": (["*"], ["read", "write", "admin"]),
}


def tokens_file(path):
    lines = ["tokens:"]
    for name, (tenants, rights) in TOKENS.items():
        digest = hashlib.sha256(name.encode()).hexdigest()
        quoted = ", ".join(f'"{tenant}"' for tenant in tenants)
        lines += [f'  - name: "{name}"', f"    sha256: {digest}", f"    tenants: [{quoted}]"]
        lines += [f"    rights: [{', '.join(rights)}]"]
    path.write_text("\n".join(lines) + "\n")


def bearer(name, tenant=None):
    return {"Authorization": f"Bearer {name}"} | ({"X-Scope-OrgID": tenant} if tenant else {})


@case()
def queries_of_others_in_the_servers_own_log(binary):
    """With tokens, no tenant reads what others ask, whatever `auth_enabled` says."""
    for more in ([], ["--auth_enabled", "true"]):
        with Server(binary) as server:
            file = server.work / "tokens.yaml"
            tokens_file(file)
            server.settings = ["--auth.tokens_file", str(file), *more]
            server.start()
            client = server.client()
            for tenant in ("b", "a", "fake"):
                client.get("query", bearer("root", tenant), query=f'count_over_time({{app="private-{tenant}"}}[1m])')
            time.sleep(2.5)
            for name in ("reader-a", "reader-fake"):
                for query in ('{service_name="skald"}', '{service_name=~".+"} |= "private-b"'):
                    answer = client.get("query_range", bearer(name), query=query, limit="1000")
                    require("private-b" not in answer.text(), f"{name} reads queries of b with {more}: {answer}")


@case()
def administrators_of_one_tenant(binary):
    """Pages for operators need a token for all tenants."""
    with Server(binary) as server:
        file = server.work / "tokens.yaml"
        tokens_file(file)
        server.settings = ["--auth.tokens_file", str(file), "--auth_enabled", "true"]
        server.start()
        client = server.client()
        body = pushed([({"app": "x"}, [(now(), "x")])])
        require(client.post("push", body, {**JSON, **bearer("root", "secret-tenant")}).status == 204, "a push")
        pages = (("GET", "/metrics"), ("GET", "/config"), ("POST", "/flush"), ("GET", "/flush"), ("POST", "/log_level?log_level=debug"))
        for method, path in pages:
            for name in ("admin-a", "reader-a", "writer-a", "reader-fake"):
                answer = client.send(method, path, None, bearer(name))
                require(answer.status in (401, 403), f"{name} gets {path}: {answer.status}")
            if path != "/log_level?log_level=debug":
                require(client.send(method, path, None, bearer("root")).status < 300, f"the operator is refused {path}")


@case()
def tokens_files_that_break(binary):
    """Emptied, cut, removed while it runs: the doors stay shut."""
    with Server(binary) as server:
        file = server.work / "tokens.yaml"
        tokens_file(file)
        whole = file.read_text()
        server.settings = ["--auth.tokens_file", str(file), "--runtime_config.period", "100ms"]
        for text in ("", "[]", "null", "tokens: 7", whole[: len(whole) // 2 - 3] + "\x00"):
            file.write_text(text)
            refuses_to_start(server)
        file.write_text(whole)
        server.start()
        client = server.client()
        for text in ("", "tokens: []", "tokens: 7", "\x00", None):
            file.unlink() if text is None else file.write_text(text)
            time.sleep(0.4)
            require(client.get("labels").status == 401, f"without a token it opens at {text!r}")
            require(client.get("labels", bearer("nobody")).status == 401, f"with a wrong token it opens at {text!r}")
        server.alive()
