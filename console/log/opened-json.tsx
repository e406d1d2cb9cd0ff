/** A line that is JSON, opened as a tree. */
import { JsonTree } from '../conversation/json-tree.js';

export function OpenedJson({ seq, content }: { seq: number; content: string }) {
  return (
    <div class="log-json">
      <JsonTree text={content} label={`Line ${seq} as JSON`} />
    </div>
  );
}
