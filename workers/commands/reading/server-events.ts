/** Reads server-sent events from the bytes of a response. */

export interface ServerEvent {
  /** `message` if it has no name. */
  event: string;
  data: string;
  /** The last id that came, with this event or before it. */
  id: string | undefined;
}

/**
 * @param onBytes is called whenever anything came, a comment too
 * @returns whole events only: one that the connection's end cut off has never been there
 */
export async function* readEvents(
  body: AsyncIterable<Uint8Array>,
  onBytes: () => void,
): AsyncGenerator<ServerEvent, void, undefined> {
  let id: string | undefined;
  let event = '';
  let data: string[] = [];
  for await (const line of linesOf(body, onBytes)) {
    if (line === '') {
      if (data.length > 0) yield { event: event === '' ? 'message' : event, data: data.join('\n'), id };
      event = '';
      data = [];
      continue;
    }
    const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/su.exec(line) ?? [];
    if (field === 'data') data.push(value);
    else if (field === 'event') event = value;
    else if (field === 'id') id = value;
  }
}

/** @returns the lines of a body as they come; an end without a newline is none */
export async function* linesOf(
  body: AsyncIterable<Uint8Array>,
  onBytes: () => void = () => undefined,
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let begun: string[] = [];
  for await (const bytes of body) {
    onBytes();
    const pieces = decoder.decode(bytes, { stream: true }).split('\n');
    const rest = pieces.pop() ?? '';
    for (const piece of pieces) {
      const line = begun.length === 0 ? piece : begun.join('') + piece;
      begun = [];
      yield line.endsWith('\r') ? line.slice(0, -1) : line;
    }
    if (rest !== '') begun.push(rest);
  }
}
