import { expect, test } from 'vitest';
import { listedFiles, namedFiles } from '../../src/plan/named-files.ts';

test('namedFiles() gives certificates, lists, maps, errors and Lua with their bases, each once, and nothing that is only like a path', () => {
  const text = `global
  crt-base /etc/crt
  ca-base /etc/ca
  lua-load /etc/x.lua
  server-state-file /run/state
  ssl-dh-param-file /etc/dh.pem
defaults
  errorfile 503 /etc/503.http
frontend f
  bind :443 ssl crt site.pem crt /abs/b.pem crt-list /etc/list ca-file clients.pem
  acl api path_beg /api
  use_backend %[req.hdr(host),lower,map_dom(/etc/hosts.map,be_x)]
  http-request deny if { src -f /etc/deny.lst }
  http-request return status 200 content-type text/html file /etc/page.html
backend b
  server a 127.0.0.1:1 ssl crt site.pem ca-file "@system-ca" crl-file revoked.pem
`;
  const found = namedFiles(text).map(({ path, list }) => (list ? `${path} (list)` : path));
  expect(found).toEqual([
    '/etc/x.lua',
    '/etc/dh.pem',
    '/etc/503.http',
    '/etc/crt/site.pem',
    '/abs/b.pem',
    '/etc/list (list)',
    '/etc/ca/clients.pem',
    '/etc/hosts.map',
    '/etc/deny.lst',
    '/etc/page.html',
    '/etc/ca/@system-ca',
    '/etc/ca/revoked.pem',
  ]);
});

test('listedFiles() gives the certificates of a crt-list and what stands in its brackets, with their bases', () => {
  const list = `# all of them
site.pem [ca-file clients.pem crl-file /abs/revoked.pem verify required] www.example.com !x.example.com

/abs/b.pem [alpn h2,http/1.1]
c.pem
`;
  expect(listedFiles(list, { crt: '/etc/crt', ca: '/etc/ca' })).toEqual([
    '/etc/crt/site.pem',
    '/etc/ca/clients.pem',
    '/abs/revoked.pem',
    '/abs/b.pem',
    '/etc/crt/c.pem',
  ]);
});
