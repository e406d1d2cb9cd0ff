import { render } from 'preact';
import { App } from './app.js';
import './style/tokens.css';
import './style/base.css';

const root = document.getElementById('console');
if (!root) throw new Error('index.html has no element for the console');
render(<App />, root);
