"""A stand-in for the United States post office: TLS under the real host name, by a certificate authority made for the occasion."""

import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from stagedoor.kit.clock import Clock

HOST = "production.shippingapis.com"
RATE = "82.10"
_USER = re.compile(r"<RateV4Request USERID=\"?([^\s\">]*)\"?>")
_GIVEN = re.compile(r"<(ZipOrigination|ZipDestination|Pounds|Container)>([^<]*)</")
_KEY_MAY = dict.fromkeys(
    ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign", "encipher_only", "decipher_only"), False
)


@dataclass
class PostOffice:
    """`user` is the one it knows. `ca` is the file of its authority; `requests` are those it got, without the user name."""

    ca: Path
    user: str
    port: int = 0
    requests: list[dict[str, str]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        """RateV4: a quote for the user it knows, the post office's own error for any other. It may repeat who asks: this one does."""
        xml = request.query.get("XML", "")
        given, user = dict(_GIVEN.findall(xml)), _USER.search(xml)
        known = user is not None and user[1] == self.user
        self.requests.append({"method": request.method, "host": request.host, "userid": "known" if known else "unknown", **given})
        return web.Response(text=_quote(self.user, given) if known else _REFUSAL, content_type="text/xml")


def _quote(user: str, given: dict[str, str]) -> str:
    zips = "".join(f"<{name}>{given.get(name, '')}</{name}>" for name in ("ZipOrigination", "ZipDestination"))
    rate = f'<Postage CLASSID="1"><MailService>Priority Mail</MailService><Rate>{RATE}</Rate></Postage>'
    return f'<RateV4Response><Account>{user}</Account><Package ID="0">{zips}{rate}</Package></RateV4Response>'


_REFUSAL = "<Error><Number>80040B1A</Number><Description>Authorization failure.</Description><Source>USPSCOM::DoAuth</Source></Error>"


@asynccontextmanager
async def open_post_office(folder: Path, user: str, clock: Clock) -> AsyncIterator[PostOffice]:
    """Open until the end of the block, on a free port of this machine. Keys and certificates lie in `folder`."""
    office = PostOffice(folder / "ca.pem", user)
    chain = folder / "post_office.pem"
    authority, certificate = make_certificates(HOST, datetime.fromtimestamp(clock.now() / 1000, UTC))
    office.ca.write_bytes(authority)
    chain.touch(mode=0o600)
    chain.write_bytes(certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    app = web.Application()
    app.router.add_route("*", "/ShippingAPI.dll", office.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        office.port = runner.addresses[0][1]
        yield office
    finally:
        await runner.cleanup()


def make_certificates(host: str, now: datetime) -> tuple[bytes, bytes]:
    """PEM of an authority's certificate, and PEM of the host's key and certificate. Both live for a day."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer, names = _name("The demo's certificate authority"), x509.SubjectAlternativeName([x509.DNSName(host)])
    ca = (
        _builder(issuer, issuer, ca_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, key_cert_sign=True, **_KEY_MAY), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    certificate = (
        _builder(_name(host), issuer, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .add_extension(names, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return ca.public_bytes(serialization.Encoding.PEM), private + certificate.public_bytes(serialization.Encoding.PEM)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    serial = x509.random_serial_number()
    return builder.serial_number(serial).not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
