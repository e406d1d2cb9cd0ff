/** The log of one execution, whatever its size: see docs/console.md. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { OutputType } from './log-requests.js';
import type { LogViewProps } from './log-view-props.js';
import { OpenLog, type LogStart } from './open-log.js';
import { LogSearch } from './log-search.js';
import { LogWindow } from './log-window.js';
import { linesAddress, linesOf } from './permalink.js';

export function LogView(props: LogViewProps) {
  const { attemptId, executions, executionId, missing, onExecution } = props;
  const [output, setOutput] = useState<Output>({ type: undefined, start: 'marked', of: executionId });
  const execution = executions.find(({ id }) => id === executionId);
  const storedLines = execution?.stored_lines ?? 0;
  const log = useMemo(() => {
    const marked = linesOf(location.href, executionId);
    const start = output.of === executionId ? output.start : 'marked';
    return new OpenLog({ attemptId, executionId, outputType: output.type }, { storedLines, marked, start });
  }, [attemptId, executionId, execution?.log_epoch, output]);
  const search = useMemo(() => new LogSearch(log.log), [log]);
  useEffect(() => {
    log.open();
    return () => {
      log.close();
      search.stop();
    };
  }, [log]);
  useEffect(() => {
    const ofThis = missing.filter(({ execution_id: id }) => id === executionId);
    log.told(storedLines, ofThis);
  }, [log, missing, storedLines]);
  return (
    <LogWindow
      {...props}
      {...{ log, search, execution }}
      outputType={output.type}
      onOutputType={(type) => setOutput({ type, start: log.placeRead, of: executionId })}
      onExecution={(id) => {
        // the marked lines are those of the execution that is left
        history.replaceState(history.state, '', linesAddress(location.href, executionId, undefined));
        onExecution(id);
      }}
    />
  );
}

interface Output {
  type: OutputType | undefined;
  start: LogStart;
  /** The execution of which `start` is a place. */
  of: string;
}
