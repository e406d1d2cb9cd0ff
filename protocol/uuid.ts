/** Ids of attempts, executions, nodes, organisations and requests. */
import { z } from 'zod';

/** An id of any UUID version; parsed to lower case. */
export const uuid = z.guid().toLowerCase();

/** @returns whether the text is a UUID, in upper or lower case */
export function isUuid(text: string): boolean {
  return uuid.safeParse(text).success;
}
