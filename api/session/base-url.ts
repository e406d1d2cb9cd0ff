import type { Request } from 'express';

/** @returns where browsers reach the hive, without a slash at its end: as it is configured, or as this request did */
export function baseUrlOf(request: Request, publicUrl: string | undefined): string {
  return publicUrl ?? `${request.protocol}://${request.get('host') ?? 'localhost'}`;
}
