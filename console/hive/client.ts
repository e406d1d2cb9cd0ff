/** The console's only door to the hive: the typed client, with the session's cookie. */
import createClient from 'openapi-fetch';
import { bodyOf, HiveApiError, type HiveClient } from '../../api/client/client.js';
import type { paths } from '../../api/client/openapi.js';
import { attendance } from './attended.js';
import { signedOut } from './session.js';

/** The API refuses a write by cookie without it, because no other site's page can send it. */
const FROM_THE_CONSOLE = { 'X-Hivesync': '1' };

export const hive: HiveClient = createClient<paths, 'application/json'>({
  baseUrl: location.origin,
  credentials: 'same-origin',
  headers: FROM_THE_CONSOLE,
});
hive.use({
  onRequest({ request }) {
    for (const [name, value] of Object.entries(attendance())) request.headers.set(name, value);
  },
});

/**
 * @returns the body of a successful answer
 * @throws HiveApiError with the hive's own words; an error of the network if there is no answer. A session that is over
 * makes the console ask for a new one.
 */
export async function ask<T>(answering: Parameters<typeof bodyOf<T>>[0]): Promise<T> {
  try {
    return await bodyOf(answering);
  } catch (error) {
    if (error instanceof HiveApiError && error.code === 'unauthenticated') signedOut();
    throw error;
  }
}
