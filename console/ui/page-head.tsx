/** The beginning of a page: its name, what is to be said of all of it, and what one can do. */
import type { ComponentChildren } from 'preact';
import './page-head.css';

export interface PageHeadProps {
  title: string;
  /** A few words beside the title. */
  summary?: ComponentChildren;
  /** Buttons. */
  children?: ComponentChildren;
}

export function PageHead({ title, summary, children }: PageHeadProps) {
  return (
    <header class="page-head">
      <h1>{title}</h1>
      <p class="page-head-summary">{summary}</p>
      {children}
    </header>
  );
}
