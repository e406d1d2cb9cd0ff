/** The hive that a reader's command asks: only through its API, so that it works from any machine. */
import { HiveApiError, HiveUnreachableError, type HiveClient } from '../../../api/client/client.js';
import { apiErrorOf, clientOf, requireHive, type FoundHive, type HiveOptions } from '../hive-access.js';
import { endQuietlyWithReader } from './write.js';

export { bodyOf, HiveApiError, type Schemas } from '../../../api/client/client.js';

export interface Hive {
  api: HiveClient;
  address: FoundHive;
}

/** @throws UsageError if it is unknown which hive is meant; else what `work` throws, in words that say what to do */
export async function withHive(options: HiveOptions, work: (hive: Hive) => Promise<void>): Promise<void> {
  endQuietlyWithReader();
  const address = await requireHive(options);
  try {
    await work({ api: clientOf(address), address });
  } catch (error) {
    throw explained(error, address);
  }
}

function explained(error: unknown, { url }: FoundHive): unknown {
  if (isConnectionLoss(error)) return new Error(`the connection to ${url} was lost; try again`, { cause: error });
  return error;
}

/**
 * For answers that are read as they come.
 * @param path with its query
 * @throws HiveApiError if the hive refuses; HiveUnreachableError
 */
export async function fetchFrom(
  { address }: Hive,
  path: string,
  init: { headers: Record<string, string>; signal?: AbortSignal },
): Promise<Response> {
  const { url, token } = address;
  const headers = { authorization: `Bearer ${token}`, ...init.headers };
  const response = await fetch(url + path, { ...init, headers }).catch((error: unknown) => {
    throw isAborted(error) ? error : new HiveUnreachableError(`no hive answers at ${url}`, { cause: error });
  });
  if (response.ok) return response;
  throw await apiErrorOf(response, address);
}

/** What a hive that stops says, and what a proxy says for one that is away. */
const PASSING = new Set([408, 425, 429, 502, 503, 504]);

/** @returns whether asking again may help, because the hive was away or busy */
export function isPassing(error: unknown): boolean {
  if (error instanceof HiveApiError) return PASSING.has(error.status);
  return error instanceof HiveUnreachableError || isConnectionLoss(error) || isAborted(error);
}

function isAborted(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError');
}

/** @returns whether fetch lost the connection in the middle of an answer */
export function isConnectionLoss(error: unknown): boolean {
  return error instanceof TypeError && (error.message === 'terminated' || error.message === 'fetch failed');
}
