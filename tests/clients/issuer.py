#!/usr/bin/env python3
"""An OpenID Connect issuer for the stories: discovery, keys, an authorization page that asks nobody, a token endpoint
with PKCE, and `/mint`, which signs whatever a story wants to see accepted or refused.

Prints its address and serves until its standard input ends.
"""

import base64
import hashlib
import json
import os
import secrets
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

KEYS = {}
CODES = {}


def new_key():
    name = f"key-{len(KEYS)}"
    KEYS[name] = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return name


def public(name):
    document = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEYS[name].public_key()))
    return {"kid": name, "use": "sig", "alg": "RS256", "kty": "RSA", "n": document["n"], "e": document["e"]}


class Issuer(BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def answer(self, document, status=200, location=None):
        body = json.dumps(document).encode()
        self.send_response(status)
        if location:
            self.send_header("location", location)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def sign(self, claims, kid):
        now = int(time.time())
        claims = {"iss": ADDRESS, "iat": now, "nbf": now, "exp": now + 600} | claims
        return jwt.encode(claims, KEYS[kid], algorithm="RS256", headers={"kid": kid})

    def do_GET(self):
        url = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        newest = list(KEYS)[-1]
        if url.path == "/.well-known/openid-configuration":
            self.answer({
                "issuer": ADDRESS,
                "jwks_uri": f"{ADDRESS}/keys",
                "authorization_endpoint": f"{ADDRESS}/authorize",
                "token_endpoint": f"{ADDRESS}/token",
            })
        elif url.path == "/keys":
            self.answer({"keys": [{"kty": "unheard-of", "kid": "x"}] + [public(name) for name in KEYS]})
        elif url.path == "/authorize":
            assert query["response_type"] == "code" and query["code_challenge_method"] == "S256", query
            code = secrets.token_urlsafe()
            CODES[code] = query
            back = {"code": code, "state": query["state"]}
            self.answer({}, 302, f"{query['redirect_uri']}?{urlencode(back)}")
        elif url.path == "/mint":
            claims = json.loads(query["claims"])
            how = query.get("how", "good")
            token = self.sign(claims, newest)
            header, body, _ = token.split(".")
            if how == "none":
                head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
                token = f"{head}.{body}."
            elif how == "confused":
                full = json.loads(base64.urlsafe_b64decode(body + "=="))
                token = jwt.encode(full, public(newest)["n"], algorithm="HS256", headers={"kid": newest})
            elif how == "unknown":
                stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
                full = json.loads(base64.urlsafe_b64decode(body + "=="))
                token = jwt.encode(full, stranger, algorithm="RS256", headers={"kid": newest})
            self.answer({"token": token})
        else:
            self.answer({}, 404)

    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
        form = {name: values[-1] for name, values in form.items()}
        asked = CODES.pop(form.get("code"), None)
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        good = (
            asked
            and form["redirect_uri"] == asked["redirect_uri"]
            and form["client_id"] == asked["client_id"]
            and form.get("client_secret") == os.environ["CLIENT_SECRET"]
            and challenge == asked["code_challenge"]
        )
        if not good:
            return self.answer({"error": "invalid_grant"}, 400)
        claims = {"sub": "grace", "name": "Grace Hopper", "groups": ["admirals"]}
        claims |= {"aud": asked["client_id"], "nonce": asked["nonce"]}
        self.answer({"id_token": self.sign(claims, list(KEYS)[-1]), "token_type": "Bearer"})


new_key()
server = ThreadingHTTPServer(("127.0.0.1", 0), Issuer)
ADDRESS = f"http://127.0.0.1:{server.server_port}"
threading.Thread(target=server.serve_forever, daemon=True).start()
print(ADDRESS, flush=True)
sys.stdin.read()
