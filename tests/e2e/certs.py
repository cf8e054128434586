"""Certificates for the TLS tests, made anew by the `openssl` command line for each run."""

import os
import subprocess
import tempfile

CONFIG = """
[ca]
default_ca = here
[here]
dir = {folder}
database = {folder}/index
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = any
email_in_dn = no
unique_subject = no
copy_extensions = none
[any]
commonName = supplied
"""
LEAF = """
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = {usage}
{names}
"""
ROOT = """
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
"""
HERE = "localhost,IP:127.0.0.1,IP:::1"


class Certificates:
    """A folder with NAME.pem and NAME.key for each certificate below."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="limpet-certs-")
        self.folder = self._folder.name
        for name in ("ca", "other_ca"):
            self._root(name)
        self._leaf("good", "ca", HERE)
        self._leaf("name_only", "ca", "localhost")
        self._leaf("wrong_host", "ca", "elsewhere.example")
        self._leaf("expired", "ca", HERE, dates=("20200101000000Z", "20200102000000Z"))
        self._leaf("not_yet", "ca", HERE, dates=("20900101000000Z", "20910101000000Z"))
        self._leaf("unknown_ca", "other_ca", HERE)
        self._leaf("client", "ca", None, usage="clientAuth")
        self._self_signed("self_signed")

    def pem(self, name):
        return os.path.join(self.folder, name + ".pem")

    def key(self, name):
        return os.path.join(self.folder, name + ".key")

    def pair(self, name):
        return self.pem(name), self.key(name)

    def close(self):
        self._folder.cleanup()

    # ---- how they are made

    def _openssl(self, *arguments):
        done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"openssl {' '.join(arguments)}: {done.stderr}")

    def _file(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def _new_key(self, name):
        self._openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
                      "-out", self.key(name))

    def _request(self, name):
        self._new_key(name)
        request = os.path.join(self.folder, name + ".csr")
        self._openssl("req", "-new", "-key", self.key(name), "-subj", "/CN=" + name,
                      "-out", request)
        return request

    def _sign(self, name, request, issuer, extensions, dates):
        self._file("index", "")
        config = self._file("ca.cnf", CONFIG.format(folder=self.folder))
        days = ("-startdate", dates[0], "-enddate", dates[1]) if dates else ("-days", "2")
        self._openssl("ca", "-batch", "-notext", "-config", config, "-in", request,
                      "-extfile", self._file("extensions", extensions), "-out", self.pem(name),
                      *issuer, *days)

    def _root(self, name):
        self._sign(name, self._request(name), ("-selfsign", "-keyfile", self.key(name)), ROOT, None)

    def _leaf(self, name, issuer, names, dates=None, usage="serverAuth"):
        extensions = LEAF.format(usage=usage,
                                 names="subjectAltName = DNS:" + names if names else "")
        self._sign(name, self._request(name),
                   ("-cert", self.pem(issuer), "-keyfile", self.key(issuer)), extensions, dates)

    def _self_signed(self, name):
        extensions = LEAF.format(usage="serverAuth", names="subjectAltName = DNS:" + HERE)
        self._sign(name, self._request(name), ("-selfsign", "-keyfile", self.key(name)),
                   extensions, None)
