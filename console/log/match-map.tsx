/** Where the matches are in the whole log, beside the scroll bar. A canvas, because there can be 100,000 of them. */
import { useEffect, useRef } from 'preact/hooks';
import type { LogSearch } from './log-search.js';
import type { OpenLog } from './open-log.js';
import './match-map.css';

export function MatchMap({ log, search }: { log: OpenLog; search: LogSearch }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { count, current } = search.state.value;
  const rowCount = log.changes.value >= 0 ? log.rows.count : 0;
  useEffect(() => {
    if (canvas.current) draw(canvas.current, log, search);
  }, [count, current, rowCount, log.screen.height]);
  const clicked = ({ offsetY }: MouseEvent): void => {
    const share = offsetY / Math.max(1, canvas.current?.clientHeight ?? 1);
    search.goTo(log.rows.seqAt(share * log.rows.count));
  };
  // for those who point: n and N do the same by keyboard
  return <canvas class="match-map" ref={canvas} aria-hidden="true" title="Where the matches are" onClick={clicked} />;
}

function draw(canvas: HTMLCanvasElement, { rows, screen }: OpenLog, { lines, currentLine }: LogSearch): void {
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = devicePixelRatio;
  if (canvas.width !== width * scale) canvas.width = width * scale;
  if (canvas.height !== height * scale) canvas.height = height * scale;
  const context = canvas.getContext('2d');
  if (!context || height === 0) return;
  const styles = getComputedStyle(canvas);
  const usedRows = Math.max(rows.count, screen.height / screen.rowHeight); // a short log does not fill the bar
  const yOf = (seq: number) => Math.min(height - 2, Math.floor((rows.indexOf(seq) / usedRows) * height));
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  context.fillStyle = styles.getPropertyValue('--accent-fill');
  let drawn = -2;
  for (const seq of lines) {
    const y = yOf(seq);
    if (y <= drawn) continue;
    context.fillRect(2, y, width - 4, 2);
    drawn = y;
  }
  if (currentLine === undefined) return;
  context.fillStyle = styles.getPropertyValue('--text');
  context.fillRect(0, yOf(currentLine) - 1, width, 4);
}
