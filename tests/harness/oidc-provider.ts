/**
 * An OpenID Connect issuer with the endpoints of the authorisation code flow. It lets everybody in at once, and holds a client
 * to PKCE, to its redirect URI and to its secret.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { exportJWK, generateKeyPair, SignJWT, type JWTPayload } from 'jose';
import { listen } from './listen.js';

interface Grant {
  challenge: string;
  redirectUri: string;
  nonce: string;
}

export class OidcProvider {
  /** Of the ID tokens that it makes, besides the usual ones; undefined takes one of those away. */
  claims: JWTPayload = {};
  /** Of access tokens; without, they are no JWTs. */
  accessClaims: JWTPayload | undefined;
  /** With which status every endpoint answers, if not with 200. */
  status = 200;
  /** The form fields of the token requests, newest last. */
  readonly tokenRequests: { fields: Record<string, string>; authorization: string | undefined }[] = [];
  readonly #grants = new Map<string, Grant>();
  readonly #server: Server;
  readonly #keys: Awaited<ReturnType<typeof generateKeyPair>>;

  private constructor(
    readonly clientId: string,
    readonly clientSecret: string | undefined,
    keys: Awaited<ReturnType<typeof generateKeyPair>>,
  ) {
    this.#keys = keys;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  url = '';

  static async start(clientId: string, clientSecret?: string): Promise<OidcProvider> {
    const provider = new OidcProvider(clientId, clientSecret, await generateKeyPair('ES256', { extractable: true }));
    provider.url = await listen(provider.#server);
    return provider;
  }

  stop(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url);
    if (this.status !== 200) send(response, this.status, {});
    else if (url.pathname === '/authorize') this.#authorize(url.searchParams, response);
    else if (url.pathname === '/token') await this.#grant(request, response);
    else send(response, 200, (await this.#documents())[url.pathname] ?? {});
  }

  async #documents(): Promise<Record<string, object>> {
    const key = { ...(await exportJWK(this.#keys.publicKey)), kid: 'one', use: 'sig', alg: 'ES256' };
    return {
      '/.well-known/openid-configuration': {
        issuer: this.url,
        authorization_endpoint: `${this.url}/authorize`,
        token_endpoint: `${this.url}/token`,
        jwks_uri: `${this.url}/keys`,
        response_types_supported: ['code'],
        code_challenge_methods_supported: ['S256'],
        id_token_signing_alg_values_supported: ['ES256'],
      },
      '/keys': { keys: [key] },
    };
  }

  /** Sends the browser back at once: whoever comes here is signed in. */
  #authorize(query: URLSearchParams, response: ServerResponse): void {
    const { redirect_uri: redirectUri = '', state = '', nonce = '', ...rest } = Object.fromEntries(query);
    const { code_challenge: challenge = '', code_challenge_method: method, client_id: client, scope = '' } = rest;
    const isRight =
      method === 'S256' && challenge.length === 43 && client === this.clientId && scope.split(' ').includes('openid');
    const code = randomUUID();
    if (isRight) this.#grants.set(code, { challenge, redirectUri, nonce });
    const back = new URL(redirectUri);
    back.search = new URLSearchParams(isRight ? { code, state } : { error: 'invalid_request', state }).toString();
    response.writeHead(302, { location: back.href }).end();
  }

  async #grant(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const fields = Object.fromEntries(new URLSearchParams(await text(request)));
    const { authorization } = request.headers;
    this.tokenRequests.push({ fields, authorization });
    const { code = '', code_verifier: verifier = '', redirect_uri: redirectUri } = fields;
    const grant = this.#grants.get(code);
    this.#grants.delete(code);
    const challenge = createHash('sha256').update(verifier).digest('base64url');
    if (!this.#knowsClient(fields, authorization)) {
      send(response, 401, { error: 'invalid_client' });
      return;
    }
    if (grant?.challenge !== challenge || grant.redirectUri !== redirectUri) {
      send(response, 400, { error: 'invalid_grant' });
      return;
    }
    const idToken = await this.#sign({ aud: this.clientId, nonce: grant.nonce, ...this.claims });
    const accessToken = this.accessClaims ? await this.#sign(this.accessClaims) : 'opaque';
    send(response, 200, { token_type: 'Bearer', access_token: accessToken, id_token: idToken, expires_in: 300 });
  }

  #knowsClient(fields: Record<string, string>, authorization: string | undefined): boolean {
    if (this.clientSecret === undefined) return fields['client_id'] === this.clientId;
    return authorization === `Basic ${Buffer.from(`${this.clientId}:${this.clientSecret}`).toString('base64')}`;
  }

  #sign(claims: JWTPayload): Promise<string> {
    const now = Math.floor(new Date().getTime() / 1000);
    const usual = { iss: this.url, sub: 'someone', iat: now, exp: now + 300 };
    return new SignJWT({ ...usual, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .sign(this.#keys.privateKey);
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
