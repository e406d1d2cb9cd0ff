/** The forms in which a secret value can stand in an output. */

/** Bytes that must not be recorded, and the name that stands in their place. */
export interface Literal {
  name: string;
  bytes: Buffer;
}

/** A shorter value would stand by chance in many lines. In bytes. */
export const MIN_VALUE_BYTES = 4;
/** Of a value of several lines, lines from this length are secret. In bytes. */
const MIN_PART_BYTES = 8;
/** Encoded forms are looked for from this length of the value on. In bytes. */
const MIN_ENCODED_BYTES = 8;

/**
 * The value itself, and as it stands in JSON, in JSON within JSON, in a URL, and within base64 (also where it is a part of
 * what was encoded, in both alphabets). A value of several lines counts line by line, because a terminal ends its lines
 * in another way.
 * @returns none if the value is too short
 */
export function literalsOf(name: string, value: string): Literal[] {
  const parts = value.split(/\r?\n/).map((part) => part.trim());
  const least = parts.filter((part) => part !== '').length > 1 ? MIN_PART_BYTES : MIN_VALUE_BYTES;
  const forms = new Set<string>();
  for (const part of parts) {
    if (Buffer.byteLength(part) < least) continue;
    for (const form of formsOf(part)) forms.add(form);
  }
  return [...forms].map((form) => ({ name, bytes: Buffer.from(form) }));
}

function formsOf(value: string): string[] {
  const json = JSON.stringify(value).slice(1, -1);
  const url = encodeUrl(value);
  const forms = [
    value,
    json,
    JSON.stringify(json).slice(1, -1),
    url,
    url.replace(/%../g, (code) => code.toLowerCase()),
  ];
  const bytes = Buffer.from(value);
  if (bytes.length < MIN_ENCODED_BYTES) return forms;
  const base64 = [0, 1, 2].map((before) => base64Within(bytes, before));
  return [...forms, ...base64, ...base64.map((form) => form.replaceAll('+', '-').replaceAll('/', '_'))];
}

function encodeUrl(value: string): string {
  try {
    return encodeURIComponent(value);
  } catch {
    return value; // half a surrogate pair has no such form
  }
}

/** The characters that the bytes have in base64, whatever stands before and after them, if `before` bytes (mod 3) do. */
function base64Within(bytes: Buffer, before: number): string {
  const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
  return text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
}
