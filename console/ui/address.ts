/** Addresses on the hive. */

/** @returns the path with those fields that are set: `/backfills?status=running` */
export function addressOf(path: string, fields: Readonly<Record<string, string | undefined>> = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) if (value !== undefined && value !== '') query.set(name, value);
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}
