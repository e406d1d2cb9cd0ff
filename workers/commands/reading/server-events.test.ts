import { expect, test } from '@jest/globals';
import { readEvents, type ServerEvent } from './server-events.js';

async function read(text: string, size: number): Promise<ServerEvent[]> {
  const bytes = Buffer.from(text);
  async function* pieces() {
    for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
  }
  const events: ServerEvent[] = [];
  for await (const event of readEvents(pieces(), () => undefined)) events.push(event);
  return events;
}

const STREAM =
  ': alive\n\nretry: 1000\n\nid: a\ndata: {"é": 1}\n\nid: b\r\ndata: x\r\ndata: y\r\n\r\nevent: end\ndata: {}\n\nid: c\ndata: cut off';

test.each([1, 2, 7, 1000])('events are whole, however their bytes come: %d at a time', async (size) => {
  expect(await read(STREAM, size)).toEqual([
    { event: 'message', data: '{"é": 1}', id: 'a' },
    { event: 'message', data: 'x\ny', id: 'b' },
    { event: 'end', data: '{}', id: 'b' },
  ]);
});
