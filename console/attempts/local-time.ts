/** Moments as a field for date and time has them, where the reader is, and as the address has them, in UTC. */

const two = (value: number): string => String(value).padStart(2, '0');

/** @param moment RFC 3339 @returns `2026-11-27T07:18`; empty if it is none */
export function toField(moment: string | undefined): string {
  const date = new Date(moment ?? NaN);
  if (Number.isNaN(date.getTime())) return '';
  const day = `${String(date.getFullYear()).padStart(4, '0')}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day}T${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** @returns RFC 3339; empty if the field is */
export function fromField(text: string): string {
  const date = new Date(text);
  return text === '' || Number.isNaN(date.getTime()) ? '' : date.toISOString();
}
