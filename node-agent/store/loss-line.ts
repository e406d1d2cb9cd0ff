/** The lines that say where others are missing. */
import { encodeLine } from '../../protocol/page.js';

/**
 * The line that stands for lines that were lost.
 * @param lost how many were never stored; null if nobody knows
 * @param gone how many had been stored, and are not there any more
 */
export function lossLine(lost: number | null, code: string | undefined, timestamp: string, gone = 0): string {
  const sum = (lost ?? 0) + gone;
  const lines = sum === 1 ? '1 line is lost here' : `${sum} lines are lost here`;
  const reason = `because the store could not be written (${code ?? 'unknown'})`;
  const wentBack = 'because the store went back to an earlier state';
  const inMemory = `lines may be lost here: the recorder was killed while it kept them in memory, ${reason}`;
  let content = `node-agent: ${lines}, ${reason}`;
  if (lost === null)
    content = gone > 0 ? `node-agent: ${lines}, ${wentBack}; more ${inMemory}` : `node-agent: ${inMemory}`;
  else if (gone > 0) content = `node-agent: ${lines}, ${lost > 0 ? `${reason} and ` : ''}${wentBack}`;
  return encodeLine({ output_type: 'system', content, timestamp });
}

/** The line that stands for output that can't be found any more. @param reason what happened */
export function damageLine(reason: string, timestamp: string): string {
  return encodeLine({
    output_type: 'system',
    content: `node-agent: lines are lost here, because ${reason}`,
    timestamp,
  });
}
