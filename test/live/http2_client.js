// http2_client.js - a client of http2_world.js on one connection: http2_client.js URL; it says what it saw, a line each
'use strict';
const http2 = require('http2');
const c = http2.connect(process.argv[2]);
c.on('error', (e) => { console.log('error', e.message); process.exit(1); });

// One request; what comes, its trailers.
const ask = (head, body) => new Promise((done) => {
	const q = c.request(head);
	let text = '', trailers = {}, status;
	q.setEncoding('utf8');
	q.on('response', (h) => { status = h[':status']; });
	q.on('trailers', (t) => { trailers = t; });
	q.on('data', (d) => { text += d; });
	q.on('error', (e) => done({ status: e.code, text, trailers }));
	q.on('end', () => done({ status, text, trailers }));
	q.end(body);
});

// Words, each said when the one before has come back.
const chat = (head) => new Promise((done) => {
	const q = c.request(head, { endStream: false });
	const words = ['one', 'two', 'three'];
	let said = '', i = 0;
	q.setEncoding('utf8');
	q.on('response', () => q.write(words[0]));
	q.on('data', (d) => { said += d; if (++i < words.length) q.write(words[i]); else q.end(); });
	q.on('end', () => done(said));
	q.on('error', (e) => done('error ' + e.code));
});

c.on('connect', () => c.ping(async () => {
	const t = await ask({ ':path': '/fields' });
	console.log('trailer', t.trailers['x-trailer']);
	console.log('chat', await chat({ ':path': '/chat', ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' }));
	console.log('socket', await chat({ ':path': '/ws', ':method': 'CONNECT', ':protocol': 'websocket' }));
	const all = await Promise.all([...Array(100).keys()].map((i) => ask({ ':path': i % 10 ? '/many/' + i * 100 : '/denied/' + i })));
	console.log('passed', all.filter((a, i) => i % 10 && a.status === 200 && a.text.length === i * 100).length);
	console.log('refused', all.filter((a, i) => !(i % 10) && a.status === 403 && a.text.includes('/denied/' + i)).length);
	c.close();
}));
