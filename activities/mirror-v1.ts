import { type BatchConnection, LONG_WAIT_SECONDS, NodeRequestError } from '../gateway/interface.js';
import { isTooLarge } from '../prisma/queries/too-large.js';
import type { BackfillType } from '../backfills/definitions.js';
import { noteWaiting } from '../prisma/queries/v1/note-waiting.js';
import type { Mirror, Mirrored } from './mirror.js';

/**
 * One step at a node of protocol version 1: asks for the whole attempt and waits, up to the length of a step, until
 * what arrived is stored and counted. If an execution ended meanwhile, the attempt has to be requested once more.
 */
export async function mirrorV1(mirror: Mirror<BatchConnection>, type: BackfillType): Promise<Mirrored> {
  const { attemptId, connection, database, signal, pulled } = mirror;
  const withLogs = type !== 'executions'; // lines alone can't be matched to executions that the hive does not know
  if (withLogs && (await isTooLarge(database, attemptId))) {
    throw new NodeRequestError('too_large', 'a log of the attempt was too large within the last hour');
  }
  try {
    const answer = await connection.backfill(attemptId, withLogs ? 'full_attempt' : 'executions', signal);
    pulled.lines += answer.linesStored;
    if (!answer.done) return { finished: false, changed: false };
    const { changed, linesStored } = answer;
    const sync = await database.attemptSync.findUnique({ where: { attemptId }, select: { needsBackfill: true } });
    const isWorthAnother = withLogs && sync?.needsBackfill === true && (changed || linesStored > 0);
    return { finished: !isWorthAnother, changed };
  } catch (error) {
    if (error instanceof NodeRequestError && error.code === 'busy') {
      const { owedSeconds } = error;
      if (owedSeconds !== undefined && owedSeconds >= LONG_WAIT_SECONDS) await noteWaiting(database, attemptId);
      return { finished: false, changed: false, isBusy: true, ...(owedSeconds !== undefined && { owesAnswers: true }) };
    }
    throw error;
  }
}
