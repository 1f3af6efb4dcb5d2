# SPDX-License-Identifier: Apache-2.0
"""Sessions over TLS: who may program a switch, and what is left of those who may not."""
import os
import shutil
import ssl
import subprocess
import time

import pytest

from lab.wait import wait_until
from ofclient import Client, Closed, hello
from sessionserver import Listener, SessionServer, free_port, program


@pytest.fixture(scope='module')
def pki(tmp_path_factory):
    d = tmp_path_factory.mktemp('pki')

    def run(*args):
        subprocess.run(['openssl', *args], check=True, capture_output=True, cwd=d)

    for ca in ('ca', 'otherca'):
        run('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', f'{ca}.key', '-out',
            f'{ca}.pem', '-days', '2', '-subj', f'/CN={ca}')
    for name, ca in (('switch', 'ca'), ('controller', 'ca'), ('stranger', 'otherca')):
        run('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', f'{name}.key', '-out',
            f'{name}.csr', '-subj', f'/CN={name}')
        run('x509', '-req', '-in', f'{name}.csr', '-CA', f'{ca}.pem', '-CAkey', f'{ca}.key',
            '-CAcreateserial', '-out', f'{name}.pem', '-days', '2')
    return d


def context(pki, server=False, name='controller', ca='ca'):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname = False
    if ca:
        c.verify_mode = ssl.CERT_REQUIRED
        c.load_verify_locations(pki / f'{ca}.pem')
    if name:
        c.load_cert_chain(pki / f'{name}.pem', pki / f'{name}.key')
    return c


def tls_args(pki):
    return ['--key', pki / 'switch.key', '--cert', pki / 'switch.pem', '--ca', pki / 'ca.pem']


def test_tls_passive(start_server, pki):
    port = free_port()
    server = start_server(f'pssl:{port}:127.0.0.1', *tls_args(pki))
    with Client.connect(f'ssl:127.0.0.1:{port}', context(pki)) as c:
        assert c.sock.version() in ('TLSv1.2', 'TLSv1.3')
        c.send_raw(b''.join(c.encode(c.flow(priority=i)) for i in range(2000)))
        c.barrier()
        assert server('rules') == '2000' and len(c.flows()) == 2000


@pytest.mark.parametrize('name', [None, 'stranger'])
def test_tls_wants_a_certificate_from_its_ca(start_server, pki, name):
    port = free_port()
    server = start_server(f'pssl:{port}:127.0.0.1', *tls_args(pki))
    with pytest.raises((ssl.SSLError, Closed, ConnectionError)):
        Client.connect(f'ssl:127.0.0.1:{port}', context(pki, name=name))
    assert not server.sessions()


def test_tls_needs_a_ca(start_server, pki):
    """Without one a switch would not know whom it lets program it."""
    for target in ('pssl:1:127.0.0.1', 'ssl:127.0.0.1:1'):
        process = subprocess.run([program(), *tls_args(pki)[:4], target], capture_output=True,
                                 text=True, timeout=10)
        assert process.returncode == 1 and 'needs a CA bundle' in process.stderr


def test_tls_files_that_are_replaced_hold_for_the_next_session(start_server, pki, tmp_path):
    port = free_port()
    target = f'ssl:127.0.0.1:{port}'
    for name in ('switch.key', 'switch.pem', 'ca.pem'):
        shutil.copy(pki / name, tmp_path / name)
    server = start_server(f'pssl:{port}:127.0.0.1', *tls_args(tmp_path))

    def connects(name):
        try:
            Client.connect(target, context(pki, name=name)).close()
        except (ssl.SSLError, Closed, ConnectionError):
            return False
        return True

    def replace(name, content):
        (tmp_path / 'new').write_bytes(content)
        os.rename(tmp_path / 'new', tmp_path / name)
    with Client.connect(target, context(pki)) as old:
        assert connects('controller') and not connects('stranger')
        replace('ca.pem', (pki / 'otherca.pem').read_bytes())
        assert connects('stranger') and not connects('controller')
        old.barrier()  # goes on
        replace('ca.pem', b'no certificate')
        assert connects('stranger'), 'what cannot be used changes nothing'
        assert connects('stranger')
        assert len([line for line in server.log if 'cannot be used' in line]) == 1
        replace('ca.pem', (pki / 'ca.pem').read_bytes())
        assert connects('controller') and not connects('stranger')


def test_tls_1_1_is_refused(start_server, pki):
    port = free_port()
    start_server(f'pssl:{port}:127.0.0.1', *tls_args(pki))
    old = context(pki)
    old.set_ciphers('ALL:@SECLEVEL=0')
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, Closed, ConnectionError)):
        Client.connect(f'ssl:127.0.0.1:{port}', old)


def test_tls_plain_text_is_refused(start_server, pki):
    port = free_port()
    start_server(f'pssl:{port}:127.0.0.1', *tls_args(pki))
    with Client.open(f'tcp:127.0.0.1:{port}') as c:
        c.send_raw(hello())
        c.wait_closed()


def test_tls_half_open_connections_make_room(start_server, pki):
    port = free_port()
    server = start_server('--inactivity', 1, f'pssl:{port}:127.0.0.1', *tls_args(pki))
    idle = [Client.open(f'tcp:127.0.0.1:{port}') for _ in range(32)]  # all that a switch takes
    time.sleep(0.2)
    with Client.open(f'tcp:127.0.0.1:{port}') as one_more:
        one_more.wait_closed()
    for c in idle:
        c.wait_closed()
    with Client.connect(f'ssl:127.0.0.1:{port}', context(pki)) as c:
        c.barrier()
        assert len(server.sessions()) == 1


def test_tls_active_does_not_wait_for_ever(pki):
    controller = Listener()
    with SessionServer('--inactivity', 1, *tls_args(pki),
                       f'ssl:127.0.0.1:{controller.port}') as server:
        c = controller.accept()
        wait_until(lambda: server.describe()['controllers'][0]['state'] == 'backoff')
        assert 'in time' in server.describe()['controllers'][0]['last_error']
        c.close()


@pytest.mark.parametrize('name,good', [('controller', True), ('stranger', False)])
def test_tls_active(pki, name, good):
    controller = Listener()
    with SessionServer(*tls_args(pki), f'ssl:127.0.0.1:{controller.port}') as server:
        controller.sock.settimeout(5)
        raw = controller.sock.accept()[0]
        try:
            c = Client(context(pki, True, name=name).wrap_socket(raw, server_side=True))
            c.shake_hands()
            assert good
            c.barrier()
            c.close()
        except (ssl.SSLError, Closed, ConnectionError):
            assert not good
            wait_until(lambda: 'TLS' in server.describe()['controllers'][0].get('last_error', ''))
    controller.close()
