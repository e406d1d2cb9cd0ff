/** @returns whether a line may well be JSON. Cheap, because it is asked of every line that is drawn; a parser decides. */
export function looksLikeJson(line: string): boolean {
  const text = line.length > 200 ? line.slice(0, 100) + line.slice(-100) : line;
  const inner = text.trim();
  return (
    inner.length > 2 &&
    ((inner.startsWith('{') && inner.endsWith('}')) || (inner.startsWith('[') && inner.endsWith(']')))
  );
}

/** @returns the value, or why it is none */
export function parseJson(text: string): { value: unknown } | { problem: string } {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

/** @returns the value as JSON; a value too deeply nested for the browser is named instead */
export function toJson(value: unknown, indent?: number): string {
  try {
    return JSON.stringify(value, undefined, indent);
  } catch {
    return '(nested too deeply)';
  }
}
