import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { enroll } from './enroll.js';

describe('a machine that trades its invitation', () => {
  let server: Server | undefined;
  afterEach(() => {
    server?.close();
  });

  async function answered(body: unknown): Promise<string> {
    server = createServer((_, response) => {
      response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    const hiveUrl = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/v1/nodes/ws`;
    return enroll({ hiveUrl, token: 'join_x', machineId: '6529aeca-7691-4de2-86f6-92f698f391ea', name: 'n' });
  }

  test('gets its key', async () => {
    await expect(answered({ node_key: 'k'.repeat(64) })).resolves.toBe('k'.repeat(64));
  });

  test.each(['\u001b]0;owned\u0007', 'two\nlines', 'é', 'k'.repeat(257)])(
    'takes no key that no header can carry: %j',
    async (key) => {
      await expect(answered({ node_key: key })).rejects.toThrow(/answers with a key that cannot be used/);
    },
  );
});
