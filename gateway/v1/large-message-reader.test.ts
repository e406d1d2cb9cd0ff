import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { expect, test } from '@jest/globals';
import type { SocketGuard } from '../socket-guard.js';
import { LargeMessageReaderV1, MESSAGE_LIMITS, type ArrivingBatch } from './large-message-reader.js';
import { LARGE_MESSAGE_LIMITS, LargeMessages } from './large-messages.js';

const nothing = () => undefined;

test('a batch whose socket has closed does not wait for a place', async () => {
  const places = new LargeMessages();
  const bytes = LARGE_MESSAGE_LIMITS.totalBytes;
  for (const organizationId of ['a', 'b'])
    places.take({ organizationId, bytes, arrived: nothing, admitted: nothing, refused: nothing });
  const guard = { pause: nothing, resume: nothing, close: nothing, isPaused: false } as unknown as SocketGuard;
  const batches: ArrivingBatch[] = [];
  const reader = new LargeMessageReaderV1({
    ...{ organizationId: 'c', places, guard, limits: MESSAGE_LIMITS, received: () => 0 },
    ...{ batch: (batch) => batches.push(batch), whole: nothing, tooLarge: nothing, fault: nothing, progress: nothing },
  });
  reader.begin(2_000_000, true);
  const ids = { assignment_id: randomUUID(), shared_task_id: null, execution_process_id: randomUUID() };
  const head = JSON.stringify({ type: 'logs_batch', data: { ...ids, entries: [] } });
  reader.piece(Buffer.from(head.slice(0, -3).padEnd(5000)));
  reader.close();
  const [batch] = batches;
  if (!batch) throw new Error('no batch');
  await once(batch.pieces, 'close').catch(nothing);
  await expect(batch.hold()).rejects.toThrow('socket closed');
});
