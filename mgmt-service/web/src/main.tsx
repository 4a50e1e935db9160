import { render } from 'preact';
import { App } from './shell/app';
import './styles/tokens.css';
import './styles/base.css';
import './styles/shell.css';
import './styles/parts.css';
import './styles/pages.css';

render(<App />, document.getElementById('app')!);
