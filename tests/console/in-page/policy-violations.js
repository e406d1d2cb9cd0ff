// Makes what the content security policy refused an error that a test sees, whatever refused it.
document.addEventListener('securitypolicyviolation', (event) => {
  window.console.error(`content security policy: ${event.effectiveDirective} refused ${event.blockedURI}`);
});
