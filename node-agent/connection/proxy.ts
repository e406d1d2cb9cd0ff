/**
 * The proxy that the environment names for an address: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, in upper or lower
 * case.
 */
import { isIPv4 } from 'node:net';
import { getProxyForUrl } from 'proxy-from-env';
import { NodeAgentError } from '../errors.js';

export interface Proxy {
  /** Without its credentials. */
  url: URL;
  /** Its address and the variable that names it, for people. */
  name: string;
  /** The value of Proxy-Authorization. It is never logged. */
  authorization: string | undefined;
}

/**
 * @param address of the hive, for its socket or over HTTP
 * @returns undefined if the way to it is direct, as it always is to this machine itself
 * @throws NodeAgentError `config` if the environment names something else than an HTTP proxy
 */
export function proxyFor(address: URL): Proxy | undefined {
  if (isLoopback(address.hostname)) return undefined;
  const found = getProxyForUrl(address.href.replace(/^ws/, 'http'));
  if (found === '') return undefined;
  const [variable, given] = namedBy(found, /^(https|wss):$/.test(address.protocol) ? 'https' : 'http');
  const allowed = 'allowed: http://HOST:PORT or https://HOST:PORT, with USER:PASSWORD@ before HOST if it asks for them';
  if (!URL.canParse(given)) throw new NodeAgentError('config', `${variable}: is not the URL of a proxy; ${allowed}`);
  const url = new URL(given);
  if (!/^https?:$/.test(url.protocol) || url.hostname === '') {
    throw new NodeAgentError('config', `${variable}: a proxy of "${url.protocol}" is not supported; ${allowed}`);
  }
  const authorization = basicAuthorization(url, variable);
  url.username = '';
  url.password = '';
  return { url, name: `${url.origin} (${variable})`, authorization };
}

/**
 * @param found a value of the environment; a scheme was added if it had none
 * @param scheme of the address that it is for
 * @returns the name of its variable, and its URL: without a scheme, it is an HTTP proxy, as other programs take it
 */
function namedBy(found: string, scheme: string): [variable: string, url: string] {
  const proxies = Object.entries(process.env)
    .filter(([name]) => /proxy$/i.test(name))
    .sort(([a], [b]) => Number(b.toLowerCase() === `${scheme}_proxy`) - Number(a.toLowerCase() === `${scheme}_proxy`));
  const named = proxies.find(([, value]) => value === found);
  if (named) return [named[0], found];
  const bare = found.replace(/^\w+:\/\//, '');
  return [proxies.find(([, value]) => value === bare)?.[0] ?? 'HTTPS_PROXY', `http://${bare}`];
}

function basicAuthorization({ username, password }: URL, variable: string): string | undefined {
  if (username === '' && password === '') return undefined;
  try {
    const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    return `Basic ${Buffer.from(credentials).toString('base64')}`;
  } catch {
    throw new NodeAgentError(
      'config',
      `${variable}: its user or password has a % that encodes no character; write %25 for it`,
    );
  }
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || (isIPv4(hostname) && hostname.startsWith('127.'));
}
