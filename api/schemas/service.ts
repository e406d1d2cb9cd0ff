import { z } from 'zod';

const part = z.enum(['ok', 'degraded']);

export const health = z.strictObject({ status: z.literal('ok') }).meta({ id: 'Health' });

export const readiness = z
  .strictObject({ database: part, temporal: part, workers: part })
  .meta({ id: 'Readiness', description: 'Mirroring and reads go on while Temporal or the workers are degraded.' });
