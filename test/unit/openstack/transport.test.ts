import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer as createPlain, type IncomingMessage } from 'node:http';
import { createServer as createSecure } from 'node:https';
import { connect, type AddressInfo, type Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { Secret } from '../../../openstack/secret.js';
import { Loopback } from './loopback.js';

let folder: string;
let plain: Loopback;
let secure: Loopback;

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'transport-'));
  const subject = ['-subj', '/CN=loopback', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'];
  const files = ['-keyout', path.join(folder, 'key.pem'), '-out', path.join(folder, 'cert.pem')];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', ...subject, ...files],
    { stdio: 'ignore' },
  );
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

beforeEach(async () => {
  plain = await new Loopback().listen();
  const [key, cert] = await Promise.all([
    readFile(path.join(folder, 'key.pem')),
    readFile(path.join(folder, 'cert.pem')),
  ]);
  secure = await new Loopback(createSecure({ key, cert })).listen();
});

afterEach(async () => {
  await plain.close();
  await secure.close();
});

const secureUrl = () => `https://127.0.0.1:${secure.port}/v3`;

test('a certificate of an unknown CA is refused, with a way out', async () => {
  const session = secure.session({ authUrl: secureUrl() });
  await expect(session.authenticate()).rejects.toMatchObject({
    code: 'TlsFailed',
    retryable: false,
    hint: expect.stringContaining('OS_CACERT') as unknown,
    details: { said: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
  });
});

test('the CA file of the configuration is trusted', async () => {
  const caFile = path.join(folder, 'cert.pem');
  const session = secure.session({ authUrl: secureUrl(), tls: { verify: true, caFile } });
  await session.authenticate();
  expect(session.projectId).toBe('p1');
});

test('insecure really checks no certificate', async () => {
  const session = secure.session({ authUrl: secureUrl(), tls: { verify: false } });
  await session.authenticate();
  expect(session.projectId).toBe('p1');
});

test('https to a service of plain HTTP is a failure of TLS', async () => {
  const session = plain.session({ authUrl: `https://127.0.0.1:${plain.port}/v3` });
  await expect(session.authenticate()).rejects.toMatchObject({ code: 'TlsFailed' });
});

test.each([
  ['missing.pem', undefined],
  ['text.pem', 'no certificate'],
])('a CA file that is %s is a configuration error that names it', async (name, content) => {
  const caFile = path.join(folder, name);
  if (content !== undefined) await writeFile(caFile, content);
  const session = secure.session({ authUrl: secureUrl(), tls: { verify: true, caFile } });
  await expect(session.authenticate()).rejects.toMatchObject({
    code: 'CloudConfigInvalid',
    message: expect.stringContaining(caFile) as unknown,
  });
});

/** A proxy that notes what it is asked for. */
async function proxy(): Promise<{ url: Secret; asked: string[]; close: () => void }> {
  const asked: string[] = [];
  const server = createPlain((request, response) => {
    asked.push(
      `${request.method ?? ''} ${request.url ?? ''} ${request.headers['proxy-authorization'] ?? ''}`.trim(),
    );
    plain.grant(response);
  });
  server.on('connect', (request: IncomingMessage, socket: Socket) => {
    asked.push(`CONNECT ${request.url ?? ''}`);
    const port = Number(request.url?.split(':')[1]);
    const onward = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      onward.pipe(socket).pipe(onward);
    });
    for (const end of [onward, socket]) end.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: new Secret(`http://joe:pr0xyword@127.0.0.1:${port}`),
    asked,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

test('plain HTTP goes through the proxy without a tunnel, with its credentials', async () => {
  const { url, asked, close } = await proxy();
  try {
    await plain
      .session({ authUrl: 'http://keystone.invalid:5000/v3', proxies: { http: url, except: '' } })
      .authenticate();
    const credentials = Buffer.from('joe:pr0xyword').toString('base64');
    expect(asked).toEqual([`POST http://keystone.invalid:5000/v3/auth/tokens Basic ${credentials}`]);
  } finally {
    close();
  }
});

test('https goes through a tunnel of its proxy, and its certificate is still checked', async () => {
  const { url, asked, close } = await proxy();
  try {
    const caFile = path.join(folder, 'cert.pem');
    const settings = { authUrl: secureUrl(), proxies: { https: url, except: '' } };
    await secure.session({ ...settings, tls: { verify: true, caFile } }).authenticate();
    expect(asked).toEqual([`CONNECT 127.0.0.1:${secure.port}`]);
    await expect(secure.session(settings).authenticate()).rejects.toMatchObject({ code: 'TlsFailed' });
  } finally {
    close();
  }
});

test('NO_PROXY and a proxy of the other scheme leave a call direct', async () => {
  const { url, asked, close } = await proxy();
  try {
    await plain.session({ proxies: { http: url, except: '127.0.0.1' } }).authenticate();
    await plain.session({ proxies: { https: url, except: '' } }).authenticate();
    expect(asked).toEqual([]);
    expect(plain.granted).toBe(2);
  } finally {
    close();
  }
});

test('a proxy that is not there is named, without its credentials', async () => {
  const proxies = { http: new Secret('http://joe:pr0xyword@127.0.0.1:9'), except: '' };
  const error: unknown = await plain
    .session({ authUrl: 'http://keystone.invalid:5000/v3', proxies })
    .authenticate()
    .catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'KeystoneUnreachable', details: { via: 'http://127.0.0.1:9/' } });
  expect(String(error)).toContain('through the proxy http://127.0.0.1:9/');
  expect(JSON.stringify(error) + String(error)).not.toContain('pr0xyword');
});

test('a proxy that asks for a password is told apart from the service', async () => {
  const refusing = createPlain((_request, response) => response.writeHead(407).end());
  refusing.on('connect', (_request: IncomingMessage, socket: Socket) =>
    socket.end('HTTP/1.1 407 No\r\n\r\n'),
  );
  await new Promise<void>((resolve) => refusing.listen(0, '127.0.0.1', resolve));
  const url = new Secret(`http://127.0.0.1:${(refusing.address() as AddressInfo).port}`);
  try {
    for (const authUrl of ['http://keystone.invalid:5000/v3', 'https://keystone.invalid:5000/v3']) {
      const session = plain.session({ authUrl, proxies: { http: url, https: url, except: '' } });
      await expect(session.authenticate()).rejects.toMatchObject({
        code: 'KeystoneUnreachable',
        message: expect.stringContaining('through the proxy') as unknown,
      });
    }
  } finally {
    refusing.closeAllConnections();
    refusing.close();
  }
});
