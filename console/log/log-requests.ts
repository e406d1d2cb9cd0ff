/** What the log asks the hive for. */
import { HiveApiError, retryAfterOf, type Schemas } from '../../api/client/client.js';
import { hive } from '../hive/client.js';
import { signedOut } from '../hive/session.js';
import { addressOf } from '../ui/address.js';
import { DamagedLinesError } from './damaged-lines.js';

export type LogEntry = Schemas['LogEntry'];
export type LogPage = Schemas['LogPage'];
export type OutputType = LogEntry['output_type'];

/** One execution's lines; with an output type, only those. */
export interface LogOf {
  attemptId: string;
  executionId: string;
  outputType?: OutputType | undefined;
}

export interface PageQuery {
  /** The id of an entry, or a `next_cursor`. */
  cursor?: string | undefined;
  direction: 'forward' | 'backward';
  limit: number;
}

/** @throws DamagedLinesError, HiveApiError; an error of the network if no hive answers */
export async function readPage(log: LogOf, page: PageQuery, signal: AbortSignal): Promise<LogPage> {
  const query = { ...filterOf(log), ...page };
  const path = { id: log.attemptId };
  const { data, error, response } = await hive.GET('/v1/swarm/attempts/{id}/logs', { params: { path, query }, signal });
  if (data) return data;
  throw refused(error, response);
}

function refused(problem: Partial<Schemas['Problem']> | undefined, response: Response): Error {
  const { status } = response;
  const { code, detail = `the hive answered ${status}` } = problem ?? {};
  const { first_seq: first, last_seq: last } = problem ?? {};
  if (code === 'log_damaged' && typeof first === 'number' && typeof last === 'number') {
    return new DamagedLinesError(first, last, detail);
  }
  if (code === 'unauthenticated') signedOut();
  return new HiveApiError(status, code, detail, retryAfterOf(response));
}

export function filterOf({ executionId, outputType }: LogOf): { execution_id: string; output_type?: OutputType } {
  return { execution_id: executionId, ...(outputType && { output_type: outputType }) };
}

const logAddress = (attemptId: string, what: string, query: Record<string, string>): string =>
  addressOf(`/v1/swarm/attempts/${encodeURIComponent(attemptId)}/logs/${what}`, query);

export const streamAddress = (log: LogOf, cursor: string): string =>
  logAddress(log.attemptId, 'stream', { ...filterOf(log), cursor });

export const downloadAddress = ({ attemptId, executionId }: LogOf): string =>
  logAddress(attemptId, 'download', { execution_id: executionId, format: 'text' });
