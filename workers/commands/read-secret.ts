/** Reading what must not be seen, from a terminal that does not show it or from a pipe. */
import { text } from 'node:stream/consumers';

const [CTRL_C, CTRL_D, CTRL_U, BACKSPACE, DELETE] = ['\u0003', '\u0004', '\u0015', '\b', '\u007f'];
/** What Ctrl-C means to a shell. */
const INTERRUPTED = 130;

/** @param prompt what a terminal shows; without it, standard input is read to its end */
export async function readSecret(prompt?: string): Promise<string> {
  if (prompt === undefined) return text(process.stdin);
  process.stderr.write(prompt);
  process.stdin.setRawMode(true);
  try {
    return await readTyped();
  } finally {
    process.stdin.setRawMode(false);
    process.stdin.pause();
    process.stderr.write('\n');
  }
}

async function readTyped(): Promise<string> {
  let typed = '';
  process.stdin.setEncoding('utf8');
  const chunks: AsyncIterable<string> = process.stdin.iterator({ destroyOnReturn: false });
  for await (const chunk of chunks) {
    for (const character of chunk) {
      if (character === '\r' || character === '\n' || character === CTRL_D) return typed;
      if (character === CTRL_C) return interrupt();
      if (character === CTRL_U) typed = '';
      else if (character === BACKSPACE || character === DELETE) typed = typed.slice(0, -1);
      else typed += character;
    }
  }
  return typed;
}

function interrupt(): never {
  process.stdin.setRawMode(false);
  process.stderr.write('\n');
  process.exit(INTERRUPTED);
}
