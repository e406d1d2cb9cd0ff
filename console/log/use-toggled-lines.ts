/** Lines that somebody switched, of one log: the same numbers of another log are other lines. */
import { useState } from 'preact/hooks';

type Lines = ReadonlySet<number>;

export interface ToggledLines {
  of: string;
  lines: Lines;
}

const NONE: Lines = new Set();

export const linesOfLog = (known: ToggledLines, of: string): Lines => (known.of === of ? known.lines : NONE);

export function toggled(known: ToggledLines, of: string, seq: number): ToggledLines {
  const lines = new Set(linesOfLog(known, of));
  if (!lines.delete(seq)) lines.add(seq);
  return { of, lines };
}

/** @param of which log it is */
export function useToggledLines(of: string): [lines: Lines, toggle: (seq: number) => void] {
  const [known, setKnown] = useState<ToggledLines>({ of, lines: NONE });
  return [linesOfLog(known, of), (seq) => setKnown((before) => toggled(before, of, seq))];
}
