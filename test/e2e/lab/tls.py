# SPDX-License-Identifier: Apache-2.0
"""Certificates for a test: an authority of its own, and keys that it signs."""
from collections import namedtuple

from .process import run

Identity = namedtuple('Identity', 'key cert ca')


class Authority:
    def __init__(self, lab, name='ca'):
        self._lab, self._name = lab, name
        self.key, self.cert = lab.path(f'{name}.key'), lab.path(f'{name}.pem')
        run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1',
             '-nodes', '-keyout', self.key, '-out', self.cert, '-days', '2', '-subj',
             f'/CN=weft test {name}'])

    def issue(self, name):
        """A key and a certificate signed by this authority."""
        key, request, cert = (self._lab.path(f'{name}.{kind}') for kind in ('key', 'csr', 'pem'))
        run(['openssl', 'req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
             '-keyout', key, '-out', request, '-subj', f'/CN={name}'])
        run(['openssl', 'x509', '-req', '-in', request, '-CA', self.cert, '-CAkey', self.key,
             '-CAcreateserial', '-days', '2', '-out', cert])
        return Identity(key, cert, self.cert)
