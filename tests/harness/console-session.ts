/** What a browser does to sign in to the console, and keeps. */
import type { Express } from 'express';
import request from 'supertest';

/** What the console's page sends with everything. */
export const FROM_CONSOLE = { 'x-hivesync': '1', 'sec-fetch-site': 'same-origin' };

export function signIn(app: Express, body: object, headers: Record<string, string> = {}): request.Test {
  return request(app).post('/v1/session').set(headers).send(body);
}

export function setCookies(response: request.Response): string[] {
  return (response.headers as unknown as Record<string, string[] | undefined>)['set-cookie'] ?? [];
}

/** @returns the Set-Cookie header, and what a browser would send back; empty if there is none */
export function cookieOf(response: request.Response): { set: string; cookie: string } {
  const [set = ''] = setCookies(response);
  return { set, cookie: set.slice(0, Math.max(0, set.indexOf(';'))) };
}

/** @returns the cookie of a new session */
export async function cookieFor(app: Express, token: string): Promise<string> {
  const response = await signIn(app, { token });
  if (response.status !== 204) throw new Error(`not signed in: ${response.status} ${response.text}`);
  return cookieOf(response).cookie;
}
