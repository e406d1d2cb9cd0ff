/** One HTTP request to the hive, with JSON both ways, through the same proxies as the socket. */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { NodeAgentError } from '../errors.js';
import { Route } from './route.js';

const ANSWER_MS = 30_000;
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

export interface JsonRequest {
  /** @default GET */
  method?: 'GET' | 'POST' | 'DELETE';
  headers?: Record<string, string>;
  /** Sent as JSON. */
  body?: unknown;
  /** For all of it, the answer's last byte included. @default 30000 */
  timeoutMs?: number;
}

export interface HttpAnswer {
  status: number;
  contentType: string;
  /** undefined if the answer is no JSON. */
  body: unknown;
}

/**
 * Redirects are not followed.
 * @throws NodeAgentError `hive` if there is no answer, `config` if the environment names no usable proxy
 */
export async function requestJson(url: URL, options: JsonRequest = {}): Promise<HttpAnswer> {
  const done = new AbortController();
  const signal = AbortSignal.any([done.signal, AbortSignal.timeout(options.timeoutMs ?? ANSWER_MS)]);
  const route = new Route(url, signal);
  try {
    return await exchange(url, options, route, signal);
  } catch (error) {
    const why = route.failure(error);
    throw new NodeAgentError('hive', `the hive at ${url.origin} does not answer (${why})`, { cause: error });
  } finally {
    done.abort(); // a tunnel stays open otherwise
  }
}

function exchange(url: URL, options: JsonRequest, route: Route, signal: AbortSignal): Promise<HttpAnswer> {
  const { method = 'GET', headers = {}, body } = options;
  const [request, Agent] = url.protocol === 'https:' ? [httpsRequest, HttpsAgent] : [httpRequest, HttpAgent];
  const text = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method,
      headers: { accept: 'application/json', ...(text !== undefined && jsonHeaders(text)), ...headers },
      agent: route.agent ?? new Agent(),
      signal,
    });
    sent.on('error', reject);
    sent.on('response', (response) => {
      if (route.isRefused) reject(new Error('the proxy opens no tunnel'));
      else readAnswer(response).then(resolve, reject);
    });
    sent.end(text);
  });
}

function jsonHeaders(text: string): Record<string, string | number> {
  return { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
}

/** @throws Error if the answer breaks off or is too long */
async function readAnswer(response: IncomingMessage): Promise<HttpAnswer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`its answer is longer than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  const contentType = response.headers['content-type'] ?? '';
  return { status: response.statusCode ?? 0, contentType, body: parsed(Buffer.concat(chunks).toString()) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
