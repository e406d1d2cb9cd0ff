/** Commands to be typed on some machine, with a button that copies them. */
import { CopyButton } from './copy-button.js';
import './command-block.css';

export interface CommandBlockProps {
  /** One or more lines. */
  command: string;
  /** What it is, for those who hear the page: `the command that joins`. */
  what?: string;
}

export function CommandBlock({ command, what = 'the command' }: CommandBlockProps) {
  return (
    <div class="command-block">
      <pre tabIndex={0} aria-label={what}>
        <code>{command}</code>
      </pre>
      <CopyButton text={command} what={what} />
    </div>
  );
}
