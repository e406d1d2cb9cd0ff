/** What a hive has of attempts, as a node asks for it over HTTP before it prunes them. */
import { z } from 'zod';
import { syncState } from './frames.js';
import { uuid } from './uuid.js';

/** Attempts that one request may ask for. */
export const MAX_STORED_IDS = 100;

export const storedAttempt = z
  .object({
    attempt_id: uuid,
    node_id: uuid,
    revision: z.int().min(0),
    sync_state: syncState,
    executions: z.int().min(0).meta({ description: 'Executions that the node still has.' }),
    lines_stored: z.int().min(0).meta({ description: 'Lines of these executions that the hive has.' }),
  })
  .meta({ id: 'StoredAttempt' });

export const storedAttempts = z.object({ attempts: z.array(storedAttempt) }).meta({ id: 'StoredAttempts' });

export type StoredAttempt = z.infer<typeof storedAttempt>;
