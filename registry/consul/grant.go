package consul

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/hashicorp/consul/api"
)

// anonymousToken is the accessor of the token that everybody has who brings none.
const anonymousToken = "00000000-0000-0000-0000-000000000002"

// Grant is what one role may do in a Consul whose ACLs are on: a policy, and a token that has this policy alone.
type Grant struct {
	Name  string // of the policy: letters, digits, - and _
	About string // for people who look at the policy
	Rules string // in Consul's policy language
	Token string // the token's secret, a UUID
}

// Grant makes the policy and the token, or brings them into line; repeating it changes nothing. The registry's own
// token has to be one that may manage ACLs.
func (r *Registry) Grant(ctx context.Context, g Grant) error {
	policy, err := r.grantPolicy(ctx, g)
	if err != nil {
		return err
	}
	return r.grantToken(ctx, g, policy)
}

// GrantAnonymous says what a request without a token may do. g.Token is not used.
func (r *Registry) GrantAnonymous(ctx context.Context, g Grant) error {
	policy, err := r.grantPolicy(ctx, g)
	if err != nil {
		return err
	}
	bounded, cancel := r.bounded(ctx)
	defer cancel()
	token, _, err := r.client.ACL().TokenRead(anonymousToken, read(bounded))
	if err != nil {
		return failed(ctx, "read the anonymous token", err)
	}
	return r.alignToken(ctx, "anonymous", token, policy)
}

func (r *Registry) grantPolicy(ctx context.Context, g Grant) (*api.ACLLink, error) {
	act := "policy " + g.Name
	bounded, cancel := r.bounded(ctx)
	defer cancel()
	acl := r.client.ACL()
	have, _, err := acl.PolicyReadByName(g.Name, read(bounded))
	if err != nil && !absent(err) {
		return nil, failed(ctx, "read "+act, err)
	}
	want := &api.ACLPolicy{Name: g.Name, Description: g.About, Rules: g.Rules}
	switch {
	case have == nil || absent(err):
		have, _, err = acl.PolicyCreate(want, write(bounded))
	case strings.TrimSpace(have.Rules) != strings.TrimSpace(g.Rules) || have.Description != g.About:
		want.ID = have.ID
		have, _, err = acl.PolicyUpdate(want, write(bounded))
	}
	if err != nil {
		return nil, failed(ctx, "store "+act, err)
	}
	return &api.ACLLink{ID: have.ID, Name: have.Name}, nil
}

func (r *Registry) grantToken(ctx context.Context, g Grant, policy *api.ACLLink) error {
	bounded, cancel := r.bounded(ctx)
	defer cancel()
	asItself := read(bounded)
	asItself.Token = g.Token
	token, _, err := r.client.ACL().TokenReadSelf(asItself)
	if err == nil {
		return r.alignToken(ctx, g.Name, token, policy)
	}
	if !absent(err) {
		return failed(ctx, "read token "+g.Name, err)
	}
	_, _, err = r.client.ACL().TokenCreate(&api.ACLToken{
		SecretID: g.Token, Description: g.About, Policies: []*api.ACLTokenPolicyLink{policy},
	}, write(bounded))
	return failed(ctx, "create token "+g.Name, err)
}

// alignToken leaves the token with that policy alone.
func (r *Registry) alignToken(ctx context.Context, name string, token *api.ACLToken, policy *api.ACLLink) error {
	if len(token.Policies) == 1 && token.Policies[0].ID == policy.ID && len(token.Roles)+len(token.ServiceIdentities)+len(token.NodeIdentities) == 0 {
		return nil
	}
	bounded, cancel := r.bounded(ctx)
	defer cancel()
	_, _, err := r.client.ACL().TokenUpdate(&api.ACLToken{
		AccessorID: token.AccessorID, SecretID: token.SecretID, Description: token.Description, Policies: []*api.ACLTokenPolicyLink{policy},
	}, write(bounded))
	return failed(ctx, "store token "+name, err)
}

// absent is Consul's answer where there is no such policy or token. A token that does not exist is 403 with these
// words, as it is for whoever uses it.
func absent(err error) bool {
	var status api.StatusError
	if !errors.As(err, &status) {
		return false
	}
	return status.Code == http.StatusNotFound || status.Code == http.StatusForbidden && strings.Contains(status.Body, "ACL not found")
}

// errNoCatalog: the server does not know its own node yet; sessions are refused before that.
var errNoCatalog = errors.New("consul has no node in its catalog yet")

// Ready returns nil when Consul has a leader that knows the nodes of the catalog, and accepts this registry's token.
func (r *Registry) Ready(ctx context.Context) error {
	bounded, cancel := r.bounded(ctx)
	defer cancel()
	nodes, _, err := r.client.Catalog().Nodes((&api.QueryOptions{RequireConsistent: true}).WithContext(bounded))
	if err != nil {
		return failed(ctx, "ask Consul for its nodes", err)
	}
	if len(nodes) == 0 {
		return fmt.Errorf("ask Consul for its nodes: %w", errNoCatalog)
	}
	return nil
}
