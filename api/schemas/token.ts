import { z } from 'zod';
import { uuid } from '../../protocol/uuid.js';
import { nullableTime, organizationId, storedText, time } from './common.js';

const role = z.enum(['viewer', 'admin']);
const name = storedText(256).trim().min(1);
export const MAX_TOKEN_DAYS = 99_999;

export const apiToken = z
  .strictObject({
    id: uuid,
    organization_id: uuid,
    name: z.string(),
    role,
    token_prefix: z.string().meta({ description: 'The secret’s first characters.' }),
    created_by: uuid.nullable().meta({ description: 'The admin’s token; null if it was made on the hive’s machine.' }),
    created_at: time,
    expires_at: nullableTime,
    revoked_at: nullableTime,
    last_used_at: nullableTime,
  })
  .meta({ id: 'ApiToken', description: 'A credential for people and programs.' });

export const apiTokenList = z.array(apiToken);

export const newApiToken = z
  .strictObject({
    name,
    role: role.default('viewer'),
    expires_in_days: z
      .number()
      .gt(0)
      .max(MAX_TOKEN_DAYS)
      .optional()
      .meta({ description: 'It never expires if this is absent.' }),
    organization_id: organizationId,
  })
  .meta({ id: 'NewApiToken' });

const secret = z.string().meta({ description: 'Shown only in this response.' });

export const createdApiToken = z.strictObject({ token: apiToken, secret }).meta({ id: 'CreatedApiToken' });

/** Names are typed in shells and appear in the claims of tokens. */
export const ORGANIZATION_NAME = /^[^\s\p{C}]{1,100}$/u;
export const ORGANIZATION_NAME_RULE =
  'the name of an organisation has 1 to 100 characters, without spaces or control characters';

export const organization = z
  .strictObject({ id: uuid, name: z.string(), created_at: time })
  .meta({ id: 'Organization', description: 'Who owns nodes, attempts and credentials. Each sees only its own.' });

export const organizationList = z.array(organization);

export const newOrganization = z
  .strictObject({
    name: z.string().regex(ORGANIZATION_NAME, ORGANIZATION_NAME_RULE).meta({ description: ORGANIZATION_NAME_RULE }),
  })
  .meta({ id: 'NewOrganization' });

export const createdOrganization = z
  .strictObject({ organization, token: apiToken, secret })
  .meta({ id: 'CreatedOrganization', description: 'The new organisation, and its first admin’s token.' });
