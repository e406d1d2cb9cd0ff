/** Sends one request to a receiver, whoever that is: bounded in time and size, and never into the hive's own network. */
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { whyRefused } from '../../backfills/receiver-address.js';
import { printable } from '../../protocol/printable.js';
import { AddressRefusedError, checkedLookup, lookUpInDns, lookUpInSystem, type LookUp } from './look-up.js';

export interface SendOptions {
  /** Receivers may be in the hive's own network. */
  allowsPrivate: boolean;
  /** For the whole request. @format ms @default 10_000 */
  timeoutMs?: number;
  /** Finds the addresses of a name. @default the DNS; where private addresses are allowed, the system */
  lookUp?: LookUp;
}

/** How a receiver answered. */
export interface Sent {
  /** Absent if there was no answer. */
  status?: number;
  /** Why it was not taken, as a code; absent if the receiver took it. */
  error?: string;
  /** The beginning of an answer that is a refusal: text of the receiver's, in one printable line. */
  answer?: string;
  /** The receiver wants no other request before. @format ms */
  retryAfterMs?: number;
}

export const SEND_TIMEOUT_MS = 10_000;
/** How much of an answer is read, and for how long after its head. */
const MAX_ANSWER_BYTES = 4096;
const ANSWER_MS = 2000;
/** How much of it is kept. */
const MAX_ANSWER_CHARACTERS = 200;
const MAX_RETRY_AFTER_MS = 3_600_000;

/** Never throws: what went wrong is in the result. Follows no redirect and uses no proxy. */
export async function send(
  url: string,
  headers: Record<string, string>,
  body: string,
  options: SendOptions,
): Promise<Sent> {
  const { allowsPrivate, timeoutMs = SEND_TIMEOUT_MS } = options;
  const target = new URL(url);
  if (whyRefused(target, { allowsPrivate }) !== undefined) return { error: 'address_not_allowed' };
  const lookUp = options.lookUp ?? (allowsPrivate ? lookUpInSystem : lookUpInDns);
  const gone = new AbortController();
  const timer = setTimeout(() => gone.abort(), timeoutMs);
  try {
    const request: RequestOptions = {
      method: 'POST',
      headers: { ...headers, 'content-length': String(Buffer.byteLength(body)), connection: 'close' },
      agent: false, // a connection of its own, whose address has been checked for this request
      lookup: checkedLookup(lookUp, { allowsPrivate }),
      signal: gone.signal,
    };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const start = target.protocol === 'https:' ? httpsRequest : httpRequest;
      // a connection can end without an answer and without an error: after 101, which asks for another protocol
      const closed = () => reject(Object.assign(new Error('closed'), { code: 'ECONNRESET' }));
      start(target, request, resolve).on('error', reject).on('close', closed).end(body);
    });
    return await read(response);
  } catch (error) {
    return { error: gone.signal.aborted ? 'timeout' : codeOf(error) };
  } finally {
    clearTimeout(timer);
    gone.abort();
  }
}

async function read(response: IncomingMessage): Promise<Sent> {
  const { statusCode: status = 0, headers } = response;
  const text = await beginningOf(response);
  if (status >= 200 && status < 300) return { status };
  const answer = shortened(text);
  const retryAfterMs = retryAfter(headers['retry-after']);
  return {
    status,
    error: status >= 300 && status < 400 ? 'redirect_not_followed' : `http_${status}`,
    ...(answer !== '' && { answer }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

/** The status has come; what is wrong with the rest does not matter. */
function beginningOf(response: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const timer = setTimeout(() => response.destroy(), ANSWER_MS);
    const end = () => {
      clearTimeout(timer);
      response.destroy();
      resolve(Buffer.concat(chunks).subarray(0, MAX_ANSWER_BYTES).toString('utf8'));
    };
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= MAX_ANSWER_BYTES) end();
    });
    response.on('end', end).on('error', end).on('close', end);
  });
}

function shortened(text: string): string {
  const line = printable(text.toWellFormed().replace(/\s+/g, ' ').trim());
  return Array.from(line).slice(0, MAX_ANSWER_CHARACTERS).join('');
}

function retryAfter(header: string | undefined): number | undefined {
  if (header === undefined || !/^\d{1,6}$/.test(header)) return undefined;
  return Math.min(Number(header) * 1000, MAX_RETRY_AFTER_MS);
}

/** A code such as connection_refused: messages can quote what the receiver sent. */
function codeOf(error: unknown): string {
  if (error instanceof AddressRefusedError) return 'address_not_allowed';
  const { code } = error as { code?: unknown };
  if (typeof code !== 'string' || !/^[A-Z0-9_]{2,60}$/.test(code)) return 'connection_failed';
  return CODES[code] ?? code.toLowerCase();
}

const CODES: Record<string, string> = {
  ECONNREFUSED: 'connection_refused',
  ECONNRESET: 'connection_closed',
  EPIPE: 'connection_closed',
  ETIMEDOUT: 'timeout',
  ETIMEOUT: 'name_not_answered',
  ENOTFOUND: 'name_not_found',
  ENODATA: 'name_not_found',
  EAI_AGAIN: 'name_not_answered',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  CERT_HAS_EXPIRED: 'certificate_expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'certificate_not_trusted',
  SELF_SIGNED_CERT_IN_CHAIN: 'certificate_not_trusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'certificate_not_trusted',
  ERR_TLS_CERT_ALTNAME_INVALID: 'certificate_of_another_name',
};
