/** What the log says of itself below its lines. */
import { errorWords, isGone } from '../ui/error-words.js';
import { visible } from '../ui/visible.js';

/** @param isAway the stream of new lines broke off */
export function statusWords(error: Error | undefined, isAway: boolean, said: string): string {
  if (error) {
    const words = sentence(visible(errorWords(error)));
    return isGone(error) ? words : `${words} It is tried again.`;
  }
  return isAway ? 'The stream of new lines broke off; it is tried again.' : said;
}

const sentence = (words: string): string => (/[.!?]$/.test(words) ? words : `${words}.`);
