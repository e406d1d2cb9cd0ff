/** Copies a text, and says whether it did. */
import { useEffect, useState } from 'preact/hooks';
import { Button } from './button.js';
import { copyText } from './copy-text.js';
import { Icon } from './icon.js';

export interface CopyButtonProps {
  text: string;
  /** What is copied, for those who hear the page: `the command`. */
  what: string;
}

const TOLD_MS = 2000;

export function CopyButton({ text, what }: CopyButtonProps) {
  const [told, setTold] = useState('');
  useEffect(() => {
    if (told === '') return undefined;
    const timer = setTimeout(() => setTold(''), TOLD_MS);
    return () => clearTimeout(timer);
  }, [told]);
  const copy = async () => setTold((await copyText(text)) ? 'Copied' : 'Could not copy');
  return (
    <>
      <Button onClick={() => void copy()} title={`Copy ${what}`} label={`Copy ${what}`}>
        <Icon name={told === 'Copied' ? 'check' : 'copy'} />
        {told === 'Could not copy' && told}
      </Button>
      <span class="only-heard" role="status">
        {told}
      </span>
    </>
  );
}
