"""A certificate authority for tests, by the openssl command."""
import subprocess
from pathlib import Path

PASSWORD = "changeit"


def run(*command):
    subprocess.run([str(part) for part in command], check=True, capture_output=True, timeout=60)


class Certificate:
    """A private key and the certificate for it, as files."""

    def __init__(self, directory, name):
        self.key = Path(directory) / f"{name}.key"
        self.certificate = Path(directory) / f"{name}.crt"

    def pem(self, *others):
        """One file of the key and the chain, as `ssl.keyStore.location` takes it."""
        path = self.key.with_suffix(".pem")
        path.write_text("".join(part.read_text() for part in [self.key, self.certificate, *others]))
        return path

    def pkcs12(self):
        path = self.key.with_suffix(".p12")
        run("openssl", "pkcs12", "-export", "-inkey", self.key, "-in", self.certificate, "-out", path, "-name", "own",
            "-passout", f"pass:{PASSWORD}")
        return path

    def encrypted_pem(self):
        path = self.key.with_name(f"{self.key.stem}-encrypted.pem")
        run("openssl", "pkcs8", "-topk8", "-in", self.key, "-out", path, "-passout", f"pass:{PASSWORD}")
        path.write_text(path.read_text() + self.certificate.read_text())
        return path


class Authority(Certificate):
    """Signs certificates."""

    def __init__(self, directory, name="authority"):
        super().__init__(directory, name)
        self.directory = Path(directory)
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-keyout", self.key, "-out", self.certificate, "-subj", f"/CN={name}")
        self.trust = self.certificate.with_suffix(".pem")
        self.trust.write_bytes(self.certificate.read_bytes())

    def issue(self, name, subject=None, host="127.0.0.1"):
        issued = Certificate(self.directory, name)
        request = self.directory / f"{name}.csr"
        run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-utf8",
            "-keyout", issued.key, "-out", request, "-subj", subject or f"/CN={name}")
        extensions = self.directory / f"{name}.ext"
        extensions.write_text(f"subjectAltName=IP:{host},DNS:localhost\n")
        run("openssl", "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial",
            "-days", "2", "-out", issued.certificate, "-extfile", extensions)
        return issued

    def pkcs12_trust(self):
        """The form that keytool gives a store of trusted certificates."""
        path = self.directory / "trust.p12"
        run("keytool", "-importcert", "-noprompt", "-alias", "ca", "-file", self.certificate, "-keystore", path,
            "-storetype", "PKCS12", "-storepass", PASSWORD)
        return path
