/** Reading JSON of which nothing is certain. */

export type Event = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Event {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @returns the value as an object; an empty one if it is none */
export function object(value: unknown): Event {
  return isObject(value) ? value : {};
}

/** @returns the member of an object; undefined if it has none */
export function member(value: unknown, ...names: string[]): unknown {
  return names.reduce<unknown>((inner, name) => (isObject(inner) ? inner[name] : undefined), value);
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

/** @returns the text; an empty one if it is none */
export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}
