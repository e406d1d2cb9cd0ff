import { z } from 'zod';
import { uuid } from '../../protocol/uuid.js';
import { nullableTime, time } from './common.js';

const role = z.enum(['viewer', 'admin']);

export const session = z
  .strictObject({
    role,
    organization: z.strictObject({ id: uuid, name: z.string() }),
    expires_at: nullableTime.meta({
      description: 'When it ends unless it is used; null for an API token in the Authorization header.',
    }),
  })
  .meta({ id: 'Session', description: 'Who a request comes from.' });

export const hiveInfo = z
  .strictObject({
    version: z.string(),
    public_url: z.string().nullable().meta({ description: 'Where clients and nodes reach the hive, if it knows.' }),
    sign_in: z.strictObject({
      oidc: z.boolean().meta({ description: 'Whether `/v1/session/oidc` signs in at an OpenID Connect issuer.' }),
    }),
  })
  .meta({ id: 'HiveInfo', description: 'What a hive tells anyone about itself.' });

export const currentSession = z
  .strictObject({ session: session.nullable().meta({ description: 'Null if nobody is signed in.' }), hive: hiveInfo })
  .meta({ id: 'CurrentSession' });

export const newSession = z
  .strictObject({
    token: z
      .string()
      .min(1)
      .max(8192)
      .optional()
      .meta({ description: 'An API token, or a JWT of the hive’s OpenID Connect issuer.' }),
    link: z.string().min(1).max(256).optional().meta({ description: 'What `#link=` of a one-time link holds.' }),
  })
  .refine(({ token, link }) => (token === undefined) !== (link === undefined), 'needs either token or link')
  .meta({ id: 'NewSession' });

export const sessionLink = z
  .strictObject({
    url: z.string().meta({ description: 'Shown only in this response. Whoever opens it first is signed in.' }),
    expires_at: time,
  })
  .meta({ id: 'SessionLink', description: 'A link to the console that signs in once, as its maker.' });

const PATH_LENGTH = 1000;

/** A place in the console: never another site's, nor one that a browser could take for it. */
export const consolePath = z.string().max(PATH_LENGTH).refine(isOwnPath, 'must be a path of the console');

function isOwnPath(path: string): boolean {
  const base = 'http://hive.invalid';
  if (!/^\/[^\s\p{C}]*$/u.test(path) || !URL.canParse(path, base)) return false;
  const { origin, pathname } = new URL(path, base);
  return origin === base && !pathname.startsWith('//'); // `/.//host` becomes `//host`
}

export const oidcStartQuery = z.strictObject({
  return_to: consolePath.default('/').meta({ description: 'The page to come back to.' }),
});

/** An issuer may send more than the standard says. */
export const oidcCallbackQuery = z.looseObject({
  code: z.string().optional(),
  state: z.string().optional(),
  error: z.string().optional(),
});

/** Why somebody who was at the issuer is not signed in, in the address of the page that says so. */
export type SignInFault = 'refused' | 'no_access' | 'issuer_unavailable';
