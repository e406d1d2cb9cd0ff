/** The way of one connection to the hive: direct, or through a tunnel that a proxy opens (CONNECT). */
import { HttpsProxyAgent } from 'https-proxy-agent';
import { proxyFor, type Proxy } from './proxy.js';
import { reasonOf } from './reasons.js';

export class Route {
  readonly #proxy: Proxy | undefined;
  /** For node:http and ws; undefined if the way is direct. */
  readonly agent: HttpsProxyAgent<string> | undefined;
  /** What the proxy answered; undefined before. */
  #answer: number | undefined;

  /**
   * @param signal its abort closes the connection to the proxy. Nothing else bounds how long a proxy may be silent.
   * @throws NodeAgentError `config` if the environment names no usable proxy
   */
  constructor(address: URL, signal: AbortSignal) {
    this.#proxy = proxyFor(address);
    if (!this.#proxy) return;
    const { url, authorization } = this.#proxy;
    // not in the URL: the library's debugging output shows that
    const headers = authorization === undefined ? {} : { 'Proxy-Authorization': authorization };
    this.agent = new HttpsProxyAgent(url, { headers, signal });
    this.agent.on('proxyConnect', ({ statusCode }: { statusCode: number }) => (this.#answer = statusCode));
  }

  /** Whether the proxy has answered that it opens no tunnel. What then looks like the hive's answer is the proxy's. */
  get isRefused(): boolean {
    return this.#answer !== undefined && this.#answer !== 200;
  }

  /** @returns why a connection failed: a code or a sentence without a full stop */
  failure(error: unknown): string {
    if (!this.#proxy) return reasonOf(error);
    const { name, authorization } = this.#proxy;
    if (this.#answer === undefined) return `the proxy ${name} does not answer: ${reasonOf(error)}`;
    const answer = this.#answer;
    if (answer === 407 || answer === 401) {
      const what = authorization === undefined ? 'asks for a user and a password' : 'does not accept the password';
      return `the proxy ${name} ${what} (${answer}): its address must be http://USER:PASSWORD@HOST:PORT`;
    }
    if (answer >= 500) return `the proxy ${name} cannot reach it (${answer})`;
    if (this.isRefused) {
      return `the proxy ${name} refuses to connect there (${answer}): NO_PROXY may name hosts that need no proxy`;
    }
    return `${reasonOf(error)} (through the proxy ${name})`;
  }
}
